"""Where footage can be turned round without its being seen: where the head is nearly at rest and the eyes are open.

At a turn the footage is played on in the other direction, so that a frame is followed by its neighbour as everywhere
else: place, eyes and light agree, and what can be seen is that the head's motion is thrown back. So the frames are
chosen in which it hardly moves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_gen.video.dataset import VideoDataset
from utils.arrays import Floats, Ints, Reals
from utils.camera import project
from utils.faces.landmarks import MEAN_FACE, eye_distance, eye_opening

RIGID = [0, 16, 27, 28, 29, 30, 36, 39, 42, 45]
"""Landmarks that no expression moves: where they fall tells the head's pose."""
BLOCK = 12
"""One turn a direction is kept in so many frames."""
SHARE = 99.0
"""In this percentage of its frames the footage's velocity changes less than a turn may change it."""
OPEN = 0.8
"""Eyes that are open less than this share of what is usual are blinking, and 2 frames beside are a blink's, too."""

BLINK = 2.0
"""What a blink makes a turn worse by; so it is left to the ends, if another turn can be taken before."""


class Turns(NamedTuple):
    """Frames (K,) in which footage may be turned round, ascending, the first and the last among them.

    jolts: (K,) how much the head's velocity changes there; 1 is as much as in the footage at the most, and only the
    ends, where there is no other way, may have more.
    """

    frames: Ints
    jolts: Floats


class Path(NamedTuple):
    """How a head moves in n frames: places (n, D) of what is rigid, eye distances; blinks (n,), whether it does.

    unsteady: How much the velocity changes from one frame to the next at the most.
    """

    places: Reals
    blinks: np.ndarray
    unsteady: float


def path_of(video: VideoDataset, start: int, stop: int) -> Path:
    """Return how the head moves in frames [start, stop) of the footage, at least 3."""
    meta, part = video.meta, slice(start, stop)
    points, poses = MEAN_FACE[RIGID].astype(np.float64), video.world_from_camera[part].astype(np.float64)
    pixels = project(points, poses, meta.focal_px, meta.width / 2, meta.height / 2)
    unit = float(np.median(eye_distance(video.landmarks_px[part]))) * len(RIGID) ** 0.5
    places = pixels.reshape(stop - start, -1) / unit
    lids = eye_opening(video.landmarks[part])
    blinks = np.convolve(lids < OPEN * np.median(lids), np.ones(5), "full")[2:-2] > 0
    unsteady = np.percentile(np.linalg.norm(np.diff(places, 2, axis=0), axis=1), SHARE)
    return Path(places, blinks, max(float(unsteady), 1e-6))


def find_turns(path: Path) -> Turns:
    """Find where the head is slowest, once in every `BLOCK` frames, and the ends."""
    steps = np.linalg.norm(np.diff(path.places, axis=0), axis=1)
    # The step that led there is undone, or, on the way back, the one after it: the velocity changes by twice that.
    jolts = 2 * np.maximum(np.append(steps, 0), np.append(0, steps)) / path.unsteady + BLINK * path.blinks
    last = len(jolts) - 1
    frames = np.arange(last + 1)
    order = np.lexsort((jolts, frames // BLOCK))
    slowest = order[np.unique(frames[order] // BLOCK, return_index=True)[1]]
    chosen = np.union1d(slowest[jolts[slowest] <= 1], [0, last])
    return Turns(chosen, np.asarray(jolts[chosen], np.float32))
