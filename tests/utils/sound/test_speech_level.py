"""Speech has one loudness at whatever level it was recorded, an offset is not heard, and noise is not blown up."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.speech_features import audio_features
from tests.utils.sound.made_room import room, syllables
from utils.errors import DataError
from utils.sound.speech_level import SOUND_LEVEL, TARGET_DB, SpeechMeter, VoiceBand, levelled, measure, voice_rms

SPEECH = np.concatenate([syllables(2.0), np.zeros(16_000, np.float32), syllables(1.0)]) + room(4.0, 0.0005)
MEL = audio_features(levelled(SPEECH, measure(SPEECH)), "mel")


@pytest.mark.parametrize(("gain_db", "offset"), [(-20, 0.0), (-10, 0.05), (0, -0.05), (4, 0.1)])
def test_one_speech_at_any_level_and_offset_gives_the_same_features(gain_db, offset):
    wav = (10 ** (gain_db / 20) * SPEECH + offset).astype(np.float32)
    level = measure(wav)
    assert level.dc == pytest.approx(offset, abs=2e-3)
    assert measure(levelled(wav, level)).speech_db == pytest.approx(TARGET_DB, abs=0.5)
    assert np.abs(audio_features(levelled(wav, level), "mel") - MEL).mean() < 0.02


def test_a_clipped_recording_is_brought_near_the_same_level():
    loud = np.clip(10 * SPEECH, -1, 1)
    heard = audio_features(levelled(loud, measure(loud)), "mel")
    assert np.abs(heard - MEL).mean() < 0.5 * np.abs(audio_features(loud, "mel") - audio_features(SPEECH, "mel")).mean()


@pytest.mark.parametrize("wav", [room(4.0, 0.002), room(4.0, 0.02) + 0.05, np.zeros(64_000, np.float32)])
def test_a_room_in_which_nobody_speaks_is_left_as_loud_as_it_is(wav):
    level = measure(wav)
    assert not level.somebody_speaks
    assert level.gain_db == 0
    assert np.abs(levelled(wav, level)).max() <= np.abs(wav).max() + 1e-6


def test_a_word_in_a_long_quiet_room_is_speech_at_its_own_level():
    wav = room(30.0, 0.002)
    wav[160_000:176_000] += syllables(1.0)
    assert measure(wav).somebody_speaks
    assert measure(wav).speech_db == pytest.approx(measure(syllables(1.0)).speech_db, abs=1)


def test_very_soft_speech_is_made_louder_within_bounds():
    assert measure(1e-3 * SPEECH).gain_db == 30


def test_what_was_trained_without_a_level_hears_what_was_recorded():
    assert levelled(SPEECH, measure(SPEECH), "") is SPEECH
    with pytest.raises(DataError, match=f"'another'; known here: '{SOUND_LEVEL}'"):
        levelled(SPEECH, measure(SPEECH), "another")


def test_rows_do_not_depend_on_the_pieces_in_which_a_sound_comes():
    whole = voice_rms(SPEECH[:-100])
    assert len(whole) == 200
    band, meter, rows = VoiceBand(), SpeechMeter(), []
    for piece in [*np.array_split(SPEECH[:-100], 37), None]:
        loudness, means = band.finish() if piece is None else band.add(piece)
        meter.add(loudness, means)
        rows.append(loudness)
    np.testing.assert_array_equal(np.concatenate(rows), whole)
    assert meter.level() == measure(SPEECH[:-100])
