"""What was heard is kept for seconds, and how loud its speech is for good."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.ear import heard_by_ear
from tasks.person.hearing import Hearing, LiveEar, LiveLevel
from tests.data_gen.test_ear import written
from tests.utils.sound.made_room import room, syllables
from utils.rates import SAMPLES_A_FRAME
from utils.sound.speech_level import SOUND_LEVEL, TARGET_DB, measure


def live_db(wavs: list[np.ndarray]) -> list[float]:
    """Let sounds be heard one after the other and tell how loud the speech in each is, as networks hear it."""
    hearing, level, heard = Hearing(past=1000), LiveLevel(), []
    done = 0
    for wav in wavs:
        pieces = []
        hearing.add(wav)
        for start in range(done, hearing.frames - 3, 4):
            level.add(*hearing.rows(start, start + 4))
            pieces.append(level.levelled(hearing.read(start, start + 4), SOUND_LEVEL))
            done = start + 4
        heard.append(measure(np.concatenate(pieces)[-32_000:]).speech_db)
    return heard


@pytest.mark.parametrize("gain", [0.05, 0.3, 1.0, 3.0])
def test_live_speech_is_brought_to_one_loudness_by_what_was_heard_of_it(gain):
    assert live_db([gain * syllables(3.0) + 0.03]) == [pytest.approx(TARGET_DB, abs=1.5)]


def test_a_breath_before_the_first_word_does_not_blow_it_up():
    breath = room(1.0, 0.003)
    breath[:4000] *= 0.01
    assert live_db([breath, syllables(3.0)])[1] == pytest.approx(TARGET_DB, abs=1.5)


def test_a_live_room_is_not_made_louder_and_what_is_as_recorded_stays_so():
    level = LiveLevel()
    wav = room(2.0, 0.003)
    hearing = Hearing(past=1000)
    hearing.add(wav)
    level.add(*hearing.rows(0, 50))
    assert np.abs(level.levelled(wav, SOUND_LEVEL)).max() <= np.abs(wav).max() + 1e-3
    assert level.levelled(wav, "") is wav


def test_what_was_heard_is_kept_as_far_back_as_asked_and_silence_follows_it():
    hearing = Hearing(past=2)
    wav = np.linspace(-1, 1, 10 * SAMPLES_A_FRAME, dtype=np.float32)
    for piece in np.split(wav, 20):
        hearing.add(piece)
    assert (hearing.samples, hearing.frames) == (10 * SAMPLES_A_FRAME, 10)
    np.testing.assert_array_equal(hearing.read(3, 5), wav[3 * SAMPLES_A_FRAME : 5 * SAMPLES_A_FRAME])
    ahead = hearing.read(9, 11, extra=7)
    np.testing.assert_array_equal(ahead[:SAMPLES_A_FRAME], wav[9 * SAMPLES_A_FRAME :])
    assert len(ahead) == 2 * SAMPLES_A_FRAME + 7
    assert not ahead[SAMPLES_A_FRAME:].any()
    hearing.forget(9)
    np.testing.assert_array_equal(hearing.read(7, 9), wav[7 * SAMPLES_A_FRAME : 9 * SAMPLES_A_FRAME])


def test_what_is_no_number_or_too_loud_is_heard_as_silence_and_as_full():
    hearing = Hearing(past=1)
    hearing.add(np.array([np.nan, 5.0, -5.0], np.float32))
    assert hearing.read(0, 1)[:3].tolist() == [0, 1, -1]


def test_an_ear_hears_live_what_it_hears_in_a_file_but_for_the_last_rows(tmp_path):
    name = written(tmp_path / "ear.safetensors")
    wav = syllables(2.0)
    whole = heard_by_ear(wav, name)
    ear, rows = LiveEar(name), []
    for frame in range(0, 48, 4):
        ear.add(wav[frame * SAMPLES_A_FRAME :][: 4 * SAMPLES_A_FRAME])
        assert ear.frames == frame + 4
        rows.append(ear.read(max(0, frame - 4), frame + 4))
    assert {len(block) for block in rows[1:]} == {16}
    for frame, block in zip(range(0, 48, 4), rows, strict=True):
        first = 2 * max(0, frame - 4)
        np.testing.assert_allclose(block[:4], whole[first : first + 4], atol=1e-4)
    np.testing.assert_allclose(rows[-1][:-5], whole[2 * 40 : 2 * 48 - 5], atol=1e-4)
