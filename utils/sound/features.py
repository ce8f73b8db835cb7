"""Turn sound into features at 50 rows a second; `data_gen.speech_features` has all of them by name.

Conventions: `wav` is (S,) float32 mono, 16 000 samples a second, within [-1, 1]. Feature row k speaks of the 20 ms
from sample 320 k and is centred on time (k + 0.5) * 20 ms, whatever the feature; video frame t owns rows 2t, 2t+1.
A sound of S samples gives ceil(S / 320) rows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from utils.media.wav import fit_length
from utils.rates import RATE, SAMPLES_A_ROW
from utils.sound.pitch import best_path, candidates

WINDOW = 512
MEL_BANDS = 80
SPECTRUM_WIDTHS = {"mel": MEL_BANDS, "mfcc": 39}
_BLOCK_ROWS = 4096


def rows_of(samples: int) -> int:
    """Return how many feature rows a sound of so many samples has."""
    return -(-samples // SAMPLES_A_ROW)


def mel(wav: np.ndarray) -> np.ndarray:
    """Return the (T50, 80) log10 mel spectrum: amplitudes, 80 to 7600 Hz, Hann window of 512, floor 1e-6."""
    bank = _mel_bank()
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    rows = [
        np.log10(np.maximum(1e-6, np.abs(np.fft.rfft(frames * window, axis=1)).astype(np.float32) @ bank.T))
        for frames in _framed(wav)
    ]
    return np.concatenate(rows).astype(np.float32)


@functools.cache
def _mel_bank() -> np.ndarray:
    import librosa

    bank: np.ndarray = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MEL_BANDS, fmin=80, fmax=7600)
    return bank


def mfcc(wav: np.ndarray) -> np.ndarray:
    """Return (T50, 39): 13 cepstral coefficients of python_speech_features, their slopes, and the slopes' slopes.

    The first coefficient is the log energy. Energies below one step of 16-bit sound count as one, so that
    digital silence and a quiet room are neighbours.
    """
    from python_speech_features import delta, fbank, lifter
    from scipy.fftpack import dct

    emphasised = np.append(wav[:1], wav[1:] - 0.97 * wav[:-1]) * 32768.0
    rows = []
    for frames in _framed(emphasised):
        starts_at_hop = np.append(frames[:, :SAMPLES_A_ROW].reshape(-1), frames[-1, SAMPLES_A_ROW:])
        bands, energy = fbank(
            starts_at_hop, RATE, WINDOW / RATE, SAMPLES_A_ROW / RATE, nfft=WINDOW, preemph=0, winfunc=np.hamming
        )
        cepstrum = lifter(dct(np.log(np.maximum(bands, 1)), type=2, axis=1, norm="ortho")[:, :13], 22)
        cepstrum[:, 0] = np.log(np.maximum(energy, 1))
        rows.append(cepstrum)
    cepstra = np.concatenate(rows)
    slopes = delta(cepstra, 2)
    return np.concatenate([cepstra, slopes, delta(slopes, 2)], axis=1).astype(np.float32)


def rms(wav: np.ndarray) -> np.ndarray:
    """Return the (T50,) root mean square of each 20 ms."""
    blocks = fit_length(wav, rows_of(len(wav)) * SAMPLES_A_ROW).reshape(-1, SAMPLES_A_ROW)
    parts = [blocks[start : start + _BLOCK_ROWS] for start in range(0, len(blocks), _BLOCK_ROWS)] or [blocks]
    return np.concatenate([np.sqrt(np.mean(np.square(rows, dtype=np.float32), axis=1)) for rows in parts])


def pitch_hz(wav: np.ndarray, *, floor_hz: float = 75.0, ceiling_hz: float = 600.0) -> np.ndarray:
    """Return the (T50,) pitch in Hz, 0 where unvoiced.

    The peaks of the autocorrelation, divided by the window's own, are the candidates of a row; the cheapest path
    through them (costs for octave jumps and for changing between voiced and unvoiced) is the answer.
    """
    length = 3 * int(RATE / floor_hz)
    peak = float(np.abs(wav).max(initial=0.0))
    if peak == 0:
        return np.zeros(rows_of(len(wav)), np.float32)
    windows = [candidates(frames, RATE, floor_hz, ceiling_hz, peak) for frames in _framed(wav, length)]
    pitches, strengths = (np.concatenate(parts) for parts in zip(*windows, strict=True))
    return best_path(pitches, strengths)


def _framed(wav: np.ndarray, length: int = WINDOW) -> Iterator[np.ndarray]:
    """Yield blocks of (rows, length) windows, row k centred on sample 320 k + 160, silence beyond the ends."""
    rows = rows_of(len(wav))
    before = (length - SAMPLES_A_ROW) // 2
    padded = np.pad(wav, (before, max(0, (rows - 1) * SAMPLES_A_ROW + length - before - len(wav))))
    for start in range(0, rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, rows)
        piece = padded[start * SAMPLES_A_ROW : (stop - 1) * SAMPLES_A_ROW + length]
        yield np.lib.stride_tricks.sliding_window_view(piece, length)[::SAMPLES_A_ROW]
