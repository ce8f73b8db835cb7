"""When nobody speaks: how far the mouth rests in each frame, from the loudness of the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from utils.arrays import Floats

if TYPE_CHECKING:
    from tasks.speaking.settings import PostSettings


def frame_rms(rms: np.ndarray, frames: int) -> Floats:
    """Bring loudness (2T,) at 50 rows a second to one value a video frame, (T,): the louder of its two rows."""
    rows = np.zeros(2 * frames, np.float32)
    rows[: min(len(rows), len(rms))] = rms[: len(rows)]
    return rows.reshape(frames, 2).max(axis=1)


def silence_weight(rms: np.ndarray, frames: int, settings: PostSettings, speech_rms: float | None = None) -> Floats:
    """Tell how much the mouth rests in each frame, (T,) from 0 (speaks) to 1 (pause), with soft edges of 4 frames.

    Args:
        rms: (2T,) loudness of the sound, 50 rows a second.
        frames: T.
        settings: How quiet and how long a pause is.
        speech_rms: How loud the speech is; the loudest twentieth of `rms` begins there when None.
    """
    loud = frame_rms(rms, frames)
    if not len(loud) or max(float(loud.max()), speech_rms or 0) <= 1e-5:
        return np.ones(frames, np.float32)
    reference = float(np.quantile(loud, 0.95)) if speech_rms is None else speech_rms
    level = 20 * np.log10(np.maximum(loud, 1e-9) / max(reference, 1e-5))
    quiet = level < settings.infer_sil_db
    long_enough = silent_frames(settings)
    weight = np.zeros(frames, np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= long_enough:
            weight[start:stop] = 1
    return ramp(weight, 4)


def silent_frames(settings: PostSettings) -> int:
    """Return how many quiet frames make a silence."""
    return max(1, round(settings.infer_sil_seconds * 25))


def ramp(weight: Floats, frames: int) -> Floats:
    """Turn steps 0 -> 1 in (T,) into half cosines that begin inside the pause, so that speech is not touched."""
    inside = np.concatenate([np.zeros(1, bool), weight > 0, np.zeros(1, bool)])
    if weight[:1].sum():
        inside[0] = True
    if weight[-1:].sum():
        inside[-1] = True
    index = np.arange(len(inside))
    outside = np.flatnonzero(~inside)
    if not len(outside):
        return np.ones_like(weight)
    after = np.searchsorted(outside, index, side="right") - 1
    before = np.minimum(after + 1, len(outside) - 1)
    left = np.where(after >= 0, index - outside[np.maximum(after, 0)], len(inside))
    right = np.where(outside[before] > index, outside[before] - index, len(inside))
    depth = np.where(inside, np.minimum(left, right), 0)
    soft = 0.5 - 0.5 * np.cos(np.pi * np.clip(depth / (frames + 1), 0, 1))
    return soft[1:-1].astype(np.float32)
