"""Speech as the voice encoders hear it: loudness, windows, spectrograms, and whether anybody speaks at all."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from utils.arrays import Floats
from utils.errors import DataError
from utils.rates import RATE
from utils.sound.features import pitch_hz, rms

if TYPE_CHECKING:
    from torch import Tensor

SpectrogramKind = Literal["reim", "magphase"]
LOUDNESS_DB = -23.0
"""Root mean square of a normalised sound, relative to full scale."""
HOP, WINDOW, FFT = 160, 400, 512
POWER = 0.3
AST_SECONDS = 10.26
AST_ROWS = 1024


def normalise_loudness(wav: Floats, target_db: float = LOUDNESS_DB) -> Floats:
    """Scale a sound (S,) to the wanted root mean square; peaks beyond full scale are clipped.

    Raises:
        DataError: It is silent.
    """
    level = float(np.sqrt(np.mean(np.square(wav, dtype=np.float64)))) if len(wav) else 0.0
    if level < 1e-5:
        raise DataError("the sound is silent")
    return np.clip(wav * (10 ** (target_db / 20) / level), -1, 1).astype(np.float32)


def speech_seconds(wav: Floats) -> float:
    """Return for how long somebody speaks in a sound (S,) of 16 000/s, seconds.

    What counts are the pieces of 20 ms that are voiced and not 30 dB below the loud ones.
    """
    level = rms(wav)
    loud = float(np.quantile(level, 0.95)) if len(level) else 0.0
    if loud < 10 ** (-60 / 20):
        return 0.0
    active = level > max(10 ** (-60 / 20), loud * 10 ** (-30 / 20))
    return float(np.count_nonzero(active & (pitch_hz(wav)[: len(active)] > 0)) * 0.02)


def clean_speech(wav: Floats, *, min_seconds: float = 0.3) -> Floats:
    """Return a sound (S,) of 16 000/s at normal loudness, without an offset.

    Raises:
        DataError: Nobody speaks in it for `min_seconds`.
    """
    wav = (wav - np.mean(wav, dtype=np.float64)).astype(np.float32) if len(wav) else wav
    seconds = speech_seconds(wav)
    if seconds < min_seconds:
        raise DataError(f"no speech in it ({seconds:.2f} s of voice; {min_seconds:g} s are needed)")
    return normalise_loudness(wav)


def take(wav: Floats, samples: int, start: int = 0) -> Floats:
    """Return exactly `samples` of a sound (S,) from `start` on, beginning again when it ends."""
    if len(wav) >= start + samples:
        return wav[start : start + samples]
    return np.resize(np.roll(wav, -start) if start else wav, samples)


def windows(wav: Floats, samples: int, limit: int = 20) -> list[Floats]:
    """Cut a sound (S,) into windows (samples,) that overlap by as little as covers it; a short one is looped."""
    count = min(limit, -(-len(wav) // samples))
    if count <= 1:
        return [take(wav, samples)]
    return [wav[s : s + samples] for s in np.linspace(0, len(wav) - samples, count).astype(int)]


def spectrogram(wav: Floats, kind: SpectrogramKind) -> Tensor:
    """Return the compressed spectrogram, (2, 257, T) float32.

    `reim`: real and imaginary part, sign(x) |x|^0.3 each, frames within the sound (6 s: 598), as the paper has it.
    `magphase`: magnitude^0.3 and sign(phase) |phase|^0.3, frames centred (6 s: 601), as the published code has it.
    """
    import torch

    sound = torch.from_numpy(np.ascontiguousarray(wav, np.float32))
    window = torch.hann_window(WINDOW)
    if kind == "magphase":
        spectrum = torch.stft(
            sound, FFT, HOP, WINDOW, window, center=True, pad_mode="constant", return_complex=True
        )  # fmt: skip
        parts = torch.stack([spectrum.abs(), spectrum.angle()])
    else:
        spectrum = torch.fft.rfft(sound.unfold(0, WINDOW, HOP) * window, FFT).T
        parts = torch.stack([spectrum.real, spectrum.imag])
    return parts.sign() * parts.abs().pow(POWER)


def sound_of(parts: Floats) -> Floats:
    """Return the sound (S,) whose `magphase` spectrogram (2, 257, T) is, as Speech-to-face keeps it in .npy files.

    Nothing is lost on the way: T frames give back (T - 1) x 160 samples.

    Raises:
        DataError: It is no such spectrogram.
    """
    import torch

    if parts.shape == (1, AST_ROWS, 128) or parts.shape[-1:] == (128,):
        raise DataError("it holds filter banks, which cannot be turned back into sound; give the sound itself")
    if parts.ndim != 3 or parts.shape[:2] != (2, FFT // 2 + 1) or parts.shape[2] < 4 or (parts[0] < 0).any():
        raise DataError(f"it has shape {parts.shape}: a spectrogram of magnitude and phase is (2, {FFT // 2 + 1}, T)")
    values = torch.from_numpy(np.array(parts, np.float32))
    magnitude, phase = values.sign() * values.abs().pow(1 / POWER)
    spectrum = torch.polar(magnitude, phase)
    sound = torch.istft(
        spectrum, FFT, HOP, WINDOW, torch.hann_window(WINDOW), center=True, length=(parts.shape[2] - 1) * HOP
    )
    return sound.numpy()


def ast_features(wav: Floats, mean: float, std: float, rows: int = AST_ROWS) -> Tensor:
    """Return what the audio spectrogram transformer hears of a sound (S,): (rows, 128) float32.

    Kaldi filter banks, (x - mean) / 2 std.
    """
    import torch

    features = _extractor(mean, std, rows)(np.asarray(wav, np.float32), sampling_rate=RATE, return_tensors="np")
    return torch.from_numpy(np.ascontiguousarray(features["input_values"][0], np.float32))


@functools.lru_cache(maxsize=4)
def _extractor(mean: float, std: float, rows: int) -> Any:
    import warnings

    from transformers import ASTFeatureExtractor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the lowest of the published 128 bands hear nothing
        return ASTFeatureExtractor(sampling_rate=RATE, mean=mean, std=std, max_length=rows)
