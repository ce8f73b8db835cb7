"""Find the pitch of speech from its autocorrelation: candidates per row, then the cheapest path through them."""

from __future__ import annotations

import numpy as np

CANDIDATES = 6
SILENCE = 0.03
VOICING = 0.45
OCTAVE_COST = 0.02
OCTAVE_JUMP_COST = 0.35
VOICING_CHANGE_COST = 0.14


def candidates(
    frames: np.ndarray, rate: int, floor_hz: float, ceiling_hz: float, peak: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pitches that each window may have and how strongly each speaks for itself.

    Args:
        frames: (N, length) windows of sound; `length` holds three periods of `floor_hz`.
        peak: Loudest absolute sample of the whole sound.

    Returns:
        (N, 7) pitches in Hz, the first 0 (unvoiced), and (N, 7) strengths; -inf where there is no candidate.
    """
    length = frames.shape[1]
    window = np.hanning(length)
    centred = (frames - frames.mean(axis=1, keepdims=True)) * window
    size = 1 << (2 * length - 1).bit_length()
    power = np.square(np.abs(np.fft.rfft(centred, size, axis=1)))
    correlation = np.fft.irfft(power, size, axis=1)[:, :length]
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, size))), size)[:length]
    shortest, longest = max(2, int(rate / ceiling_hz)), int(rate / floor_hz) + 1
    lags = np.arange(shortest - 1, longest + 2)
    energy = np.maximum(correlation[:, :1], 1e-12)
    curve = correlation[:, lags] / energy / (own[lags] / own[0])
    left, middle, right = curve[:, :-2], curve[:, 1:-1], curve[:, 2:]
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    height = np.minimum(middle - 0.25 * (left - right) * shift, 1.0)
    hz = rate / (lags[1:-1] + shift)
    strength = np.where(
        (middle >= left) & (middle > right) & (height > 0), height - OCTAVE_COST * np.log2(floor_hz / hz), -np.inf
    )
    best = np.argsort(-strength, axis=1)[:, :CANDIDATES]
    loudness = np.abs(frames).max(axis=1) / peak
    unvoiced = VOICING + np.maximum(0, 2 - loudness / (SILENCE / (1 + VOICING)))
    pitches = np.concatenate([np.zeros((len(frames), 1)), np.take_along_axis(hz, best, 1)], axis=1)
    return pitches, np.concatenate([unvoiced[:, None], np.take_along_axis(strength, best, 1)], axis=1)


def best_path(pitches: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Return the (N,) pitch along the path of greatest strength less the costs of its jumps; 0 is unvoiced."""
    count = len(pitches)
    octaves = np.log2(np.maximum(pitches, 1e-3))
    voiced = pitches > 0
    total = strengths[0]
    came_from = np.zeros(pitches.shape, np.int8)
    for row in range(1, count):
        jump = OCTAVE_JUMP_COST * np.abs(octaves[row][None] - octaves[row - 1][:, None])
        both = voiced[row][None] & voiced[row - 1][:, None]
        change = VOICING_CHANGE_COST * (voiced[row][None] != voiced[row - 1][:, None])
        score = total[:, None] - np.where(both, jump, change)
        came_from[row] = np.argmax(score, axis=0)
        total = strengths[row] + np.max(score, axis=0)
    chosen = int(np.argmax(total))
    path = np.empty(count, np.float32)
    for row in range(count - 1, -1, -1):
        path[row] = pitches[row, chosen]
        chosen = int(came_from[row, chosen])
    return path
