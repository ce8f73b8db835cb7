"""Loudness, looping, windows, spectrograms of both kinds, silence refused."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.face_voice.sound import (
    ast_features,
    clean_speech,
    normalise_loudness,
    sound_of,
    spectrogram,
    speech_seconds,
    take,
    windows,
)
from tests.made_persons import made_voice
from utils.errors import DataError


def test_loudness_is_minus_23_db():
    quiet = 0.001 * np.sin(np.arange(16000) / 7).astype(np.float32)
    level = np.sqrt(np.mean(normalise_loudness(quiet) ** 2))
    assert 20 * np.log10(level) == pytest.approx(-23, abs=0.01)


def test_silence_and_noise_are_refused_and_speech_is_not():
    assert speech_seconds(np.zeros(16000, np.float32)) == 0
    assert speech_seconds(made_voice(0.5, 2.0)) > 1.0
    with pytest.raises(DataError, match=r"no speech in it \(0\.00 s of voice; 0\.3 s are needed\)"):
        clean_speech(np.zeros(16000, np.float32))
    noise = 0.1 * np.random.default_rng(0).normal(size=32000).astype(np.float32)
    with pytest.raises(DataError, match="no speech"):
        clean_speech(noise)
    with pytest.raises(DataError, match="silent"):
        normalise_loudness(np.zeros(10, np.float32))
    with pytest.raises(DataError, match="silent"):
        normalise_loudness(np.zeros(0, np.float32))


def test_a_short_sound_is_looped():
    wav = np.arange(5, dtype=np.float32)
    assert take(wav, 12).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert take(wav, 7, start=3).tolist() == [3, 4, 0, 1, 2, 3, 4]
    assert take(wav, 2, start=3).tolist() == [3, 4]


def test_windows_cover_a_long_sound_evenly():
    wav = np.arange(25, dtype=np.float32)
    found = windows(wav, 10)
    assert [(w[0], w[-1]) for w in found] == [(0, 9), (7, 16), (15, 24)]
    assert len(windows(wav, 10, limit=2)) == 2
    assert len(windows(wav[:4], 10)[0]) == 10


def test_magphase_is_a_transform_of_padded_windows():
    wav = made_voice(0.3, 6.0)
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400), 56)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wav, 256), 512)[::160]
    spectrum = np.fft.rfft(frames * window, axis=1).T
    found = spectrogram(wav, "magphase").numpy()
    assert found.shape == (2, 257, 601)
    np.testing.assert_allclose(found[0], np.abs(spectrum) ** 0.3, atol=2e-3)
    phase = np.angle(spectrum)
    strong = np.abs(spectrum) > 0.05
    turn = np.abs(np.exp(1j * np.sign(found[1]) * np.abs(found[1]) ** (1 / 0.3)) - np.exp(1j * phase))[strong]
    assert np.quantile(turn, 0.99) < 1e-2


def test_reim_is_the_papers_shape_and_can_be_undone():
    wav = made_voice(0.3, 6.0)
    found = spectrogram(wav, "reim").double().numpy()
    assert found.shape == (2, 257, 598)
    parts = np.sign(found) * np.abs(found) ** (1 / 0.3)
    frame = wav[160 * 50 : 160 * 50 + 400] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))
    np.testing.assert_allclose(np.fft.irfft(parts[0, :, 50] + 1j * parts[1, :, 50])[:400], frame, atol=1e-5)


def test_the_transformers_input_has_its_shape():
    found = ast_features(made_voice(0.3, 1.0), -5.46, 3.11, rows=128)
    assert found.shape == (128, 128)
    assert found.std() > 0.1


def test_a_spectrogram_of_magnitude_and_phase_gives_its_sound_back():
    time = np.arange(16_000) / 16_000
    wav = (0.3 * np.sin(2 * np.pi * 220 * time) + np.random.default_rng(0).normal(0, 0.01, 16_000)).astype(np.float32)
    again = sound_of(spectrogram(wav, "magphase").numpy())
    assert again.shape == (16_000,)
    np.testing.assert_allclose(again[200:-200], wav[200:-200], atol=1e-4)


def test_what_cannot_be_turned_back_into_sound_is_named():
    with pytest.raises(DataError, match="filter banks, which cannot be turned back"):
        sound_of(np.zeros((1, 1024, 128), np.float32))
    with pytest.raises(DataError, match=r"it has shape \(4096,\): a spectrogram .* is \(2, 257, T\)"):
        sound_of(np.zeros(4096, np.float32))
