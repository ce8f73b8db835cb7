"""Made sounds: syllables of a voice, and the noise of a room."""

from __future__ import annotations

import numpy as np


def syllables(seconds: float, level: float = 0.2) -> np.ndarray:
    """Return (S,) float32 at 16 kHz: a tone with overtones that swells and falls four times a second."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    voice = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 9))
    return (level * voice * np.sin(2 * np.pi * 2 * t) ** 2).astype(np.float32)


def room(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    """Return (S,) float32 at 16 kHz: steady noise with more low than high in it."""
    noise = np.random.default_rng(seed).normal(size=int(16_000 * seconds))
    return (level * np.convolve(noise, [0.5, 0.3, 0.2], "same")).astype(np.float32)
