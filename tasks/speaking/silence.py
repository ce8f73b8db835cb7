"""When nobody speaks, and how far the mouth rests meanwhile, from the loudness of the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Floats
from utils.rates import FPS
from utils.sound.speech_level import SpeechLevel, SpeechMeter, decibels

if TYPE_CHECKING:
    from tasks.speaking.settings import PostSettings

_LEAST_SPEECH = 2
"""A sound of fewer frames is a click or a knock."""
_EDGE, _PAUSE_EDGE = 4, 8
"""Frames in which the mouth closes and opens: in a silence, and in a pause of a room."""
_BREATH = 4
"""Frames before the end of such a pause in which it is open: speakers take breath before they are heard."""


def frame_rms(rms: np.ndarray, frames: int) -> Floats:
    """Bring loudness (2T,) at 50 rows a second to one value a video frame, (T,): the louder of its two rows."""
    rows = np.zeros(2 * frames, np.float32)
    rows[: min(len(rows), len(rms))] = rms[: len(rows)]
    return rows.reshape(frames, 2).max(axis=1)


def silence_weight(rms: np.ndarray, frames: int, settings: PostSettings, level: SpeechLevel | None = None) -> Floats:
    """Tell how far nobody speaks in each frame, (T,) from 0 (speaks) to 1 (pause), with soft edges of 4 frames.

    Args:
        rms: (2T,) loudness of the sound between 120 and 4000 Hz (`voice_rms`), 50 rows a second.
        frames: T.
        settings: How quiet and how long a pause is.
        level: How loud speech and noise are in the whole sound; as `rms` says when None.
    """
    level = level or _level_of(rms)
    if not level.somebody_speaks:
        return np.ones(frames, np.float32)
    silent, pause = _quiet(rms, frames, settings, level)
    return ramp(_long(silent | pause, silent_frames(settings)), _EDGE)


def rest_weight(rms: np.ndarray, frames: int, settings: PostSettings, level: SpeechLevel | None = None) -> Floats:
    """Tell how far the mouth is closed in each frame, (T,): in silences, and in those pauses of a room that are long.

    The networks know rooms, and what this person's mouth does in a short pause: breathe, mostly. See `silence_weight`.
    """
    level = level or _level_of(rms)
    if not level.somebody_speaks:
        return np.ones(frames, np.float32)
    silent, pause = _quiet(rms, frames, settings, level)
    closed = ramp(_long(silent, silent_frames(settings)), _EDGE)
    return np.maximum(closed, ramp(_long(silent | pause, pause_frames(settings), _BREATH), _PAUSE_EDGE))


def _level_of(rms: np.ndarray) -> SpeechLevel:
    meter = SpeechMeter()
    meter.add(rms, np.zeros(len(rms)))
    return meter.level()


def _quiet(
    rms: np.ndarray, frames: int, settings: PostSettings, level: SpeechLevel
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which frames (T,) are silent in any case, and in which nothing stands out of the room."""
    loud_db = decibels(frame_rms(rms, frames))
    silent = loud_db < level.speech_db + settings.infer_sil_db
    pause = ~speaking(loud_db, level) if settings.infer_close_mouth_in_pauses else np.zeros(frames, bool)
    return silent, pause


def _long(quiet: NDArray[np.bool_], least: int, breath: int = 0) -> Floats:
    """Keep the stretches of (T,) that last at least so many frames, as 0 and 1, but for a breath where one ends."""
    weight = np.zeros(len(quiet), np.float32)
    for start, stop in _runs(quiet):
        weight[start : stop - breath if stop < len(quiet) else stop] = stop - start >= least
    return weight


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
    return max(1, round(settings.infer_sil_seconds * FPS))


def pause_frames(settings: PostSettings) -> int:
    """Return how many frames of a room and nothing else make a pause in which the mouth rests."""
    return max(1, round(settings.infer_pause_seconds * FPS))


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
