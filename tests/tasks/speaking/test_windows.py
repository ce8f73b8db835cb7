"""A long sound is heard in windows and gives what one look at it would."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking import windows
from tasks.speaking.sound import Sound
from tests.tasks.speaking.made_speech import LoudnessPostnet, voice


@pytest.mark.parametrize("frames", [1, 3, 747, 748, 749, 760, 1248, 1300, 5000])
def test_windows_cover_every_frame_once_and_hear_around_it(frames):
    spans = list(windows.spans(frames))
    edges = [first for _, _, first in spans] + [frames]
    assert edges[0] == 0
    assert edges == sorted(set(edges))
    for (start, stop, first), until in zip(spans, edges[1:], strict=True):
        assert start % 4 == 0
        assert 0 <= start <= first < until <= stop <= frames
        assert stop - start <= windows.WINDOW
        assert first - start >= min(first, windows.MARGIN - 4)
        assert stop - until >= min(frames - until, windows.MARGIN)


def test_a_long_sound_gives_what_one_look_at_it_would(tmp_path):
    postnet = LoudnessPostnet()
    with Sound(voice(tmp_path / "long.wav", 65.3)) as sound:
        assert sound.frames == 1633
        pieces = windows.sound_to_landmarks(postnet, sound)
        whole = windows.predict_window(postnet, sound.read(0, 1633), 1633, temperature=0, seed=0)
        assert postnet.longest == 1633
        postnet.longest = 0
        again = windows.sound_to_landmarks(postnet, sound)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)
    np.testing.assert_array_equal(pieces, again)
    assert postnet.longest <= windows.WINDOW
