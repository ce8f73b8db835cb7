"""Read what corpora are made of, mono WAV of whole numbers, without starting a program for each file."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.arrays import Floats


class PlainWav(NamedTuple):
    """What the header of a mono WAV says: samples a second, bytes a sample, samples."""

    rate: int
    width: int
    samples: int


def plain_wav(file: Path) -> PlainWav | None:
    """Return the form of a mono WAV; None for any other file, and for one whose header cannot be believed."""
    try:
        with wave.open(str(file), "rb") as sound:
            form = PlainWav(sound.getframerate(), sound.getsampwidth(), sound.getnframes())
            channels = sound.getnchannels()
        size = file.stat().st_size
    except (OSError, EOFError, wave.Error):
        return None
    return form if channels == 1 and form.rate > 0 and 0 < form.samples * form.width <= size else None


def read_plain_wav(file: Path, first: int, count: int | None) -> Floats:
    """Return samples [first, first + count) of a 16-bit mono WAV as (S,) float32, to its end when None or beyond it."""
    with wave.open(str(file), "rb") as sound:
        first = min(first, sound.getnframes())
        sound.setpos(first)
        data = sound.readframes(sound.getnframes() - first if count is None else count)
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
