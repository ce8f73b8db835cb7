"""What was heard is kept for seconds, and its loudness for good."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.person.hearing import Hearing, Loudness
from utils.rates import SAMPLES_A_FRAME


def test_how_loud_speech_is_follows_the_loudest_twentieth():
    loudness = Loudness()
    assert loudness.speech() == 0
    heard = np.random.default_rng(0).uniform(0.01, 0.2, 5000).astype(np.float32)
    for part in np.split(heard, 50):
        loudness.add(part)
    assert loudness.speech() == pytest.approx(np.quantile(heard, 0.95), rel=0.05)


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
