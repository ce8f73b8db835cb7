"""Keep the last seconds of a sound that grows, and how loud it has been."""

from __future__ import annotations

import numpy as np

from utils.arrays import Floats
from utils.media.wav import fit_length
from utils.rates import SAMPLES_A_FRAME
from utils.sound.content_features import content_blocks, parse_content_feature
from utils.sound.features import audio_features

WHISPER_ROWS = 250
"""Rows that the network sees at once (5 s of 30)."""


class Hearing:
    """Keep the last seconds of a sound that grows.

    Args:
        past: Frames to keep before the ones not yet drawn.
    """

    def __init__(self, past: int) -> None:
        self.past = past
        self.samples = 0
        self._first = 0
        self._kept = np.zeros(0, np.float32)

    def add(self, wav: Floats) -> None:
        """Hear more: (S,) float32 at 16 kHz."""
        self._kept = np.concatenate([self._kept, np.nan_to_num(np.asarray(wav, np.float32).reshape(-1)).clip(-1, 1)])
        self.samples += wav.size

    @property
    def frames(self) -> int:
        """Count the frames that what was heard lasts, the last one begun included."""
        return -(-self.samples // SAMPLES_A_FRAME)

    def read(self, start: int, stop: int, extra: int = 0) -> Floats:
        """Return the samples (S,) of frames [start, stop) and `extra` more; silence beyond what was heard."""
        length = (stop - start) * SAMPLES_A_FRAME + extra
        piece = self._kept[start * SAMPLES_A_FRAME - self._first :][:length]
        return np.pad(piece, (0, length - len(piece)))

    def forget(self, frame: int) -> None:
        """Drop what lies more than `past` before a frame."""
        keep = max(0, frame - self.past) * SAMPLES_A_FRAME
        if keep - self._first > self.past * SAMPLES_A_FRAME:
            self._kept, self._first = self._kept[keep - self._first :].copy(), keep


class Loudness:
    """Know how loud the speech has been: what `silence_weight` compares with, from a histogram of decibels."""

    def __init__(self) -> None:
        self.counts = np.zeros(480, np.int64)

    def add(self, rms: Floats) -> None:
        """Count frames (T,) of loudness."""
        level = 20 * np.log10(np.maximum(rms, 1e-6))
        np.add.at(self.counts, np.clip(((level + 120) * 4).astype(np.int64), 0, 479), 1)

    def speech(self) -> float:
        """Return the loudness where the loudest twentieth begins."""
        place = int(np.searchsorted(np.cumsum(self.counts), 0.95 * self.counts.sum()))
        return float(10 ** ((place / 4 - 120) / 20)) if self.counts[1:].any() else 0.0


def live_features(wav: Floats, name: str, frames: int) -> Floats:
    """Return the feature rows (2T, C) of the first T frames of a short sound that may go on a little."""
    more = int(len(wav) > frames * SAMPLES_A_FRAME)
    content = parse_content_feature(name)
    if content is not None and content.kind == "whisper":
        blocks = content_blocks(fit_length(wav, (frames + more) * SAMPLES_A_FRAME), content, WHISPER_ROWS)
        return np.concatenate(list(blocks))[: 2 * frames]
    return np.asarray(audio_features(wav, name, frames + more)[: 2 * frames], np.float32)
