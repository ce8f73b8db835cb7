"""What is easily measured of a voice: its pitch and melody, the colour of its sound, its tempo."""

from __future__ import annotations

import itertools

import numpy as np

from utils.arrays import Floats
from utils.sound.features import MEL_BANDS, mel, pitch_hz

VERSION = 1
"""Raise it when `measure` changes what it gives."""
TEMPO = 16
"""Bands of what the loudness does, from half to 16 times a second."""
GROUPS = 20
MEASURES = 10 + 3 * MEL_BANDS + GROUPS + TEMPO
"""Length of what is measured."""
MIDDLE_HZ = 150.0
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def measure(wav: Floats) -> Floats:
    """Return what is measured of speech (S,) at 16 000/s, (MEASURES,) float32.

    Pitch in octaves from 150 Hz: quantiles, spread and unrest; share and number a second of voiced stretches, and
    their length; mel bands where it is voiced: mean and spread, and the mean of all; how fast bands change; at which
    rates loudness rises and falls.
    """
    pitch, bands = pitch_hz(wav), mel(wav)
    voiced = pitch > 0
    octaves = np.log2(pitch[voiced] / MIDDLE_HZ) if voiced.any() else np.zeros(1)
    begins = np.count_nonzero(np.diff(voiced.astype(np.int8), prepend=0) == 1)
    melody = [
        *np.quantile(octaves, _QUANTILES), octaves.std(), np.abs(np.diff(octaves, prepend=octaves[:1])).mean(),
        voiced.mean(), 50 * begins / len(pitch), voiced.sum() / max(1, begins) / 50,
    ]  # fmt: skip
    sung = bands[voiced] if voiced.any() else bands
    change = np.abs(np.diff(bands, axis=0, prepend=bands[:1])).mean(axis=0)
    change = change.reshape(GROUPS, -1).mean(axis=1)
    loudness = bands.mean(axis=1)
    size = 1 << max(9, (len(loudness) - 1).bit_length())
    power = np.abs(np.fft.rfft((loudness - loudness.mean()) * np.hanning(len(loudness) + 2)[1:-1], size)) ** 2
    rate = np.fft.rfftfreq(size, 1 / 50)
    edges = np.geomspace(0.5, 16, TEMPO + 1)
    tempo = [power[(rate >= low) & (rate < high)].sum() for low, high in itertools.pairwise(edges)]
    shares = np.log10(np.maximum(1e-6, np.array(tempo) / max(1e-12, power.sum())))
    parts = [melody, sung.mean(axis=0), sung.std(axis=0), bands.mean(axis=0), change, shares]
    return np.concatenate(parts).astype(np.float32)
