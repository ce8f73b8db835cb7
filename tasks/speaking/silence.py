"""When nobody speaks: how far the mouth rests in each frame, from the loudness of the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Floats
from utils.sound.speech_level import SpeechLevel, SpeechMeter, decibels

if TYPE_CHECKING:
    from tasks.speaking.settings import PostSettings

_LEAST_SPEECH = 2
"""A sound of fewer frames is a click or a knock."""


def frame_rms(rms: np.ndarray, frames: int) -> Floats:
    """Bring loudness (2T,) at 50 rows a second to one value a video frame, (T,): the louder of its two rows."""
    rows = np.zeros(2 * frames, np.float32)
    rows[: min(len(rows), len(rms))] = rms[: len(rows)]
    return rows.reshape(frames, 2).max(axis=1)


def silence_weight(rms: np.ndarray, frames: int, settings: PostSettings, level: SpeechLevel | None = None) -> Floats:
    """Tell how much the mouth rests in each frame, (T,) from 0 (speaks) to 1 (pause), with soft edges of 4 frames.

    Args:
        rms: (2T,) loudness of the sound between 120 and 4000 Hz (`voice_rms`), 50 rows a second.
        frames: T.
        settings: How quiet and how long a pause is.
        level: How loud speech and noise are in the whole sound; as `rms` says when None.
    """
    if level is None:
        meter = SpeechMeter()
        meter.add(rms, np.zeros(len(rms)))
        level = meter.level()
    if not level.somebody_speaks:
        return np.ones(frames, np.float32)
    loud_db = decibels(frame_rms(rms, frames))
    quiet = loud_db < level.speech_db + settings.infer_sil_db
    if settings.infer_close_mouth_in_pauses:
        quiet |= ~speaking(loud_db, level)
    weight = np.zeros(frames, np.float32)
    for start, stop in _runs(quiet):
        if stop - start >= silent_frames(settings):
            weight[start:stop] = 1
    return ramp(weight, 4)


def speaking(loud_db: np.ndarray, level: SpeechLevel) -> NDArray[np.bool_]:
    """Tell in which frames (T,) of a loudness in dB somebody speaks.

    A stretch above `ends_db` is speech when it rises above `begins_db` somewhere: soft beginnings and ends belong to
    it, noise that strays does not begin one.
    """
    speech = np.zeros(len(loud_db), bool)
    for start, stop in _runs(loud_db >= level.ends_db):
        speech[start:stop] = stop - start >= _LEAST_SPEECH and loud_db[start:stop].max() >= level.begins_db
    return speech


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """List [start, stop) of the stretches in which (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


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
