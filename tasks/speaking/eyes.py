"""Give brows, nose and eyes their motion; blinks."""

from __future__ import annotations

import functools

import numpy as np

from tasks.speaking.resting_face import UPPER, Person
from tasks.speaking.settings import PostSettings
from utils.arrays import Floats, Ints
from utils.errors import ConfigError
from utils.faces.landmarks import EYES, NOSE


@functools.lru_cache(maxsize=8)
def blink_times(frames: int, seed: int, length: int) -> list[int]:
    """Draw when blinks start: every 2 to 5 seconds, the same for the same seed whatever the length of the speech."""
    rng = np.random.default_rng([seed, 17])
    starts: list[int] = []
    at = int(rng.integers(15, 60))
    while at + length <= frames:
        starts.append(at)
        at += length + int(rng.integers(50, 125))
    return starts


def move_eyes(
    landmarks: Floats,
    person: Person,
    frame_ids: Ints,
    settings: PostSettings,
    seed: int,
    *,
    first: int = 0,
    until: int | None = None,
) -> Floats:
    """Give brows, nose and eyes their motion by `infer_inject_eye_blink_mode`; `frame_ids` (T,): the footage shown.

    Args:
        first: Which frame of the speech the first one is.
        until: No blink begins that would not have ended by this frame; the last one given when None.
    """
    mode = settings.infer_inject_eye_blink_mode
    if mode == "none":
        return landmarks
    out = landmarks.copy()
    if mode == "gt":
        out[:, UPPER] = person.database[frame_ids][:, UPPER]
        return out
    sway = person.database[frame_ids][:, UPPER]
    out[:, UPPER] = person.gaze
    out[:, NOSE] = sway[:, NOSE.start - UPPER.start : NOSE.stop - UPPER.start]
    motion = blink_motion(person, settings)
    last = first + len(out)
    for start in blink_times(last if until is None else until, seed, len(motion)) if len(motion) else []:
        low, high = max(start, first), min(start + len(motion), last)
        if low < high:
            out[low - first : high - first, EYES] += motion[low - start : high - start]
    return out


def blink_motion(person: Person, settings: PostSettings) -> Floats:
    """Return how the eyes leave their rest in one blink, (L, 12, 3), beginning and ending with 0; L = 0: nobody blinks.

    Raises:
        ConfigError: The frames given for it are not there.
    """
    ends = (settings.infer_eye_blink_ref_frames_start_idx, settings.infer_eye_blink_ref_frames_end_idx)
    if (ends[0] is None) != (ends[1] is None):
        raise ConfigError(
            "infer_eye_blink_ref_frames_start_idx and infer_eye_blink_ref_frames_end_idx: give both or neither"
        )
    span = person.blink if None in ends else (int(ends[0] or 0), int(ends[1] or 0))
    if span is None:
        return np.zeros((0, 12, 3), np.float32)
    if not 0 <= span[0] < span[1] <= len(person.database):
        raise ConfigError(
            f"infer_eye_blink_ref_frames {span[0]} to {span[1]}: the footage has frames 0 to {len(person.database) - 1}"
        )
    blink = person.database[span[0] : span[1], EYES]
    edge = np.linspace(0, 1, len(blink), dtype=np.float32)[:, None, None]
    return blink - ((1 - edge) * blink[0] + edge * blink[-1])
