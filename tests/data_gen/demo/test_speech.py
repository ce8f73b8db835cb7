from __future__ import annotations

import numpy as np
import pytest

from data_gen.demo.speech import PAUSE, join, speak
from utils.errors import DataError
from utils.rates import RATE

SENTENCE = "Pick up a big bag of beans, mum."


def test_the_same_words_always_sound_the_same():
    first, second = speak(SENTENCE, variant="f2"), speak(SENTENCE, variant="f2")
    assert np.array_equal(first.wav, second.wav)
    assert first.phonemes == second.phonemes


def test_phonemes_cover_the_sound_without_a_gap():
    speech = speak(SENTENCE)
    assert speech.wav.dtype == np.float32
    assert abs(speech.wav).max() <= 1
    assert speech.phonemes[0][1] == 0
    assert speech.phonemes[-1][2] == pytest.approx(len(speech.wav) / RATE)
    for (_, _, end_s), (_, start_s, _) in zip(speech.phonemes[:-1], speech.phonemes[1:], strict=True):
        assert end_s == start_s
    assert [word for word, _, _ in speech.words] == ["Pick", "up", "a", "big", "bag", "of", "beans", "mum"]


def test_pauses_are_silent_and_vowels_are_not():
    speech = speak(SENTENCE)
    loud = {name: abs(speech.wav[int(a * RATE) : int(b * RATE)]).mean() for name, a, b in speech.phonemes}
    assert loud[PAUSE] < 0.2 * loud["i:"]


def test_a_formant_scale_keeps_the_tempo_and_raises_the_voice():
    plain, small = speak(SENTENCE), speak(SENTENCE, formant_scale=1.2)
    assert small.seconds == pytest.approx(plain.seconds, rel=0.1)

    def centroid(wav: np.ndarray) -> float:
        power = abs(np.fft.rfft(wav)) ** 2
        return float((power * np.fft.rfftfreq(len(wav), 1 / RATE)).sum() / power.sum())

    assert centroid(small.wav) > 1.05 * centroid(plain.wav)


def test_joining_shifts_the_times():
    part = speak("Bob.")
    both = join([part, part], [0.5, 0.25, 0.5])
    assert both.seconds == pytest.approx(2 * part.seconds + 1.25, abs=1e-3)
    assert both.words[0][1] == pytest.approx(0.5)
    assert both.words[1][1] == pytest.approx(0.75 + part.seconds, abs=1e-3)


def test_nothing_to_say_is_refused():
    with pytest.raises(DataError, match="There is nothing to say: the text is empty"):
        speak("  ")


def test_what_holds_no_word_has_a_sound_and_no_words():
    assert speak(".", "en").words == ()
