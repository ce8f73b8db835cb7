"""What is measured of a voice follows its pitch and tempo, and is a number whatever is heard."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.face_voice.measure import GROUPS, MEASURES, MIDDLE_HZ, TEMPO, measure
from tests.made_persons import made_voice


def test_pitch_and_share_of_voice_are_measured():
    measures = [measure(made_voice(build, 2.0)) for build in (0.0, 1.0)]
    for pitch, row in zip((240, 120), measures, strict=True):
        assert row.shape == (MEASURES,)
        assert MIDDLE_HZ * 2 ** row[2] == pytest.approx(pitch, rel=0.03), "the middle one of its pitches"
        assert row[0] <= row[1] <= row[2] <= row[3] <= row[4]
        assert row[7] > 0.9, "it is voiced throughout"


def test_the_tempo_is_the_rate_at_which_loudness_rises_and_falls():
    edges = np.geomspace(0.5, 16, TEMPO + 1)
    band = int(np.argmax(measure(made_voice(0.5, 4.0))[-TEMPO:]))
    assert edges[band] <= 4 * 1.1, "made voices have four syllables a second"
    assert edges[band + 1] >= 4 / 1.1
    assert MEASURES > GROUPS + TEMPO


@pytest.mark.parametrize("wav", [np.zeros(400, np.float32), np.full(16000, 0.1, np.float32)])
def test_what_is_no_voice_gives_numbers(wav):
    assert np.isfinite(measure(wav)).all()
