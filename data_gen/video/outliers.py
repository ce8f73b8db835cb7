"""Find what should not be in a dataset: numbers that are none, landmarks on something else, a head that jumps.

Times are told so that the place can be looked at in the footage. Thresholds lie far beyond what people do: a head turns
by at most some 5 degrees from one frame to the next (25 a second), and a mouth that opens moves all points together by
0.15 eye distances (root mean square).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Reals
from utils.camera import rotation_vector
from utils.errors import DataError
from utils.faces.landmarks import eye_distance
from utils.rates import FPS
from utils.shots import shot_ranges

EXCURSION = 0.35
"""Landmarks that leave by so much (root mean square, in eye distances) and come back were on something else."""
LONGEST = 2
"""Frames of one such excursion; what lasts longer is a movement, or is found by the checks of the pose."""
JUMP_DEGREES = 12.0
JUMP_DISTANCE = 0.5
"""Turn and shift (eye distances) of the head between neighbouring frames from which on it is a jump."""
ODD = 5.0
"""Landmarks so many robust standard deviations from their median over the video do not fit the face."""


def frames_told(frames: Sequence[int] | NDArray[np.integer[Any]], start_s: float = 0.0, most: int = 6) -> str:
    """Write frames (n,) with their times: "frames 12 (0.48 s), 13 (0.52 s)"; the rest is counted."""
    first = ", ".join(f"{int(frame)} ({start_s + int(frame) / FPS:.2f} s)" for frame in frames[:most])
    more = f" and {len(frames) - most} more" if len(frames) > most else ""
    return f"frame{'s' if len(frames) != 1 else ''} {first}{more}"


def excursions(points_px: Reals, found: NDArray[np.bool_], cuts: Iterable[int] = ()) -> NDArray[np.bool_]:
    """Mark the frames (T,) whose landmarks (T, 68, 2) are not numbers, or leave the face for a frame or two.

    A frame without a face (`found`) is neither judged nor leant on. An excursion is far from the line between the
    frames around it, while these are near each other.
    """
    bad = found & ~np.isfinite(points_px).all(axis=(1, 2))
    sound = found & ~bad
    if not sound.any():
        return bad
    scale = max(1e-6, float(np.median(eye_distance(points_px[sound]))))
    for start, stop in shot_ranges(len(points_px), cuts):
        usable = np.flatnonzero(sound[start:stop]) + start
        for length in range(1, LONGEST + 1):
            for place in range(1, len(usable) - length):
                before, after = usable[place - 1], usable[place + length]
                middle = usable[place : place + length]
                if after - before > length + LONGEST or bad[middle].any() or bad[before] or bad[after]:
                    continue
                share = ((middle - before) / (after - before))[:, None, None]
                line = (1 - share) * points_px[before] + share * points_px[after]
                away = np.sqrt(np.square(points_px[middle] - line).sum(-1).mean(-1)) / scale
                moved = np.sqrt(np.square(points_px[after] - points_px[before]).sum(-1).mean()) / scale
                if away.min() > EXCURSION and moved < 0.5 * away.min():
                    bad[middle] = True
    return bad


def pose_jumps(world_from_camera: Reals, cuts: Iterable[int] = ()) -> NDArray[np.int64]:
    """List the frames at which the head (poses (T, 4, 4)) has turned or shifted further than a head can in a frame."""
    poses = np.asarray(world_from_camera, np.float64)
    if len(poses) < 2:
        return np.zeros(0, np.int64)
    turned = np.linalg.norm(rotation_vector(np.swapaxes(poses[:-1, :3, :3], 1, 2) @ poses[1:, :3, :3]), axis=-1)
    inverse = -np.einsum("tji,tj->ti", poses[:, :3, :3], poses[:, :3, 3])  # the head in the camera's frame
    shifted = np.linalg.norm(np.diff(inverse[:, :2], axis=0), axis=-1)
    jump = (np.degrees(turned) > JUMP_DEGREES) | (shifted > JUMP_DISTANCE)
    jump[[cut - 1 for cut in cuts if 0 < cut < len(poses)]] = False
    return np.flatnonzero(jump) + 1


def odd_frames(landmarks: Reals) -> NDArray[np.int64]:
    """List the frames whose pose-free landmarks (T, 68, 3) are far from all the others, robustly measured."""
    away = np.abs(landmarks - np.median(landmarks, axis=0))
    spread = (
        1.4826 * np.median(away, axis=0) + 0.3
    )  # tenths of an eye distance; a point that never moves may still shake
    worst = np.sqrt(np.square(away / spread).mean(axis=(1, 2)))
    return np.flatnonzero(worst > ODD)


def refuse_not_finite(arrays: Mapping[str, NDArray[Any]], where: str, rows_a_frame: int = 1) -> None:
    """Raise `DataError` when an array (rows, ...) holds a number that is none, naming array, frames and times."""
    for name, array in arrays.items():
        values = np.asarray(array)
        if values.dtype.kind != "f" or np.isfinite(values).all():
            continue
        rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        places = frames_told(np.unique(rows // rows_a_frame))
        raise DataError(f"{where}: {name} holds numbers that are none (NaN or infinite): {places}. Make it again.")
