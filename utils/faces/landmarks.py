"""The 68 iBUG landmarks: mean face, groups, edges, openings.

Convention:
    Head frame: x right as the viewer sees it, y up, z towards the viewer; origin midway between the two
    eye centres of `MEAN_FACE`; unit = the eye distance of `MEAN_FACE` (between the centroids of points
    36-41 and 42-47). `points` are positions in that frame, in eye distances. `landmarks` are offsets
    from `MEAN_FACE` in tenths of an eye distance. "Left" and "right" are the viewer's.
"""

from __future__ import annotations

import numpy as np

from utils.arrays import Floats, Ints, Reals

LANDMARKS = 68
"""How many points a face has."""
OFFSET_SCALE = 10.0
"""Landmark offsets are in tenths of an eye distance: `landmarks = OFFSET_SCALE * (points - MEAN_FACE)`."""

JAW = slice(0, 17)
BROWS = slice(17, 27)
LEFT_BROW = slice(17, 22)
RIGHT_BROW = slice(22, 27)
NOSE = slice(27, 36)
EYES = slice(36, 48)
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
MOUTH = slice(48, 68)
OUTER_LIPS = slice(48, 60)
INNER_LIPS = slice(60, 68)

GROUPS: dict[str, slice] = {
    "jaw": JAW,
    "brows": BROWS,
    "nose": NOSE,
    "eyes": EYES,
    "mouth": MOUTH,
}
"""Disjoint groups that cover all 68 points."""


def _chain(first: int, last: int, *, closed: bool = False) -> list[tuple[int, int]]:
    edges = [(i, i + 1) for i in range(first, last)]
    return [*edges, (last, first)] if closed else edges


EDGES: tuple[tuple[int, int], ...] = (
    *_chain(0, 16),
    *_chain(17, 21),
    *_chain(22, 26),
    *_chain(27, 30),
    *_chain(31, 35),
    *_chain(36, 41, closed=True),
    *_chain(42, 47, closed=True),
    *_chain(48, 59, closed=True),
    *_chain(60, 67, closed=True),
)
"""Pairs of points to join when drawing a face."""

MIRROR: Ints = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ],
    dtype=np.int64,
)
"""Point i of a mirrored face is point `MIRROR[i]` of the face, with x negated."""

# Derived from the canonical face geometry of Google's MediaPipe (Copyright The MediaPipe Authors, Apache
# License 2.0): the iBUG counterparts of its 468 vertices, moved to the head frame and scaled to it.
# fmt: off
MEAN_FACE: Floats = np.array([
    (-1.2217, -0.0418, -0.8936), (-1.2050, -0.3686, -0.9614), (-1.1708, -0.7113, -0.9482),
    (-1.0994, -1.0358, -0.8886), (-0.9717, -1.3336, -0.7261), (-0.7783, -1.5669, -0.4358),
    (-0.5391, -1.7409, -0.1684), (-0.2761, -1.8589, 0.0343), (0.0000, -1.8987, 0.0956),
    (0.2761, -1.8589, 0.0343), (0.5391, -1.7409, -0.1684), (0.7783, -1.5669, -0.4358),
    (0.9717, -1.3336, -0.7261), (1.0994, -1.0358, -0.8886), (1.1708, -0.7113, -0.9482),
    (1.2050, -0.3686, -0.9614), (1.2217, -0.0418, -0.8936), (-0.8658, 0.2269, -0.0886),
    (-0.7679, 0.3191, 0.0288), (-0.6092, 0.3438, 0.1341), (-0.4264, 0.3444, 0.2067),
    (-0.2064, 0.3072, 0.2450), (0.2064, 0.3072, 0.2450), (0.4264, 0.3444, 0.2067),
    (0.6092, 0.3438, 0.1341), (0.7679, 0.3191, 0.0288), (0.8658, 0.2269, -0.0886),
    (0.0000, 0.1011, 0.2489), (0.0000, -0.1423, 0.4194), (0.0000, -0.3135, 0.5360),
    (0.0000, -0.4881, 0.6198), (-0.1951, -0.6652, 0.2875), (-0.0943, -0.7327, 0.3484),
    (0.0000, -0.7446, 0.3786), (0.0943, -0.7327, 0.3484), (0.1951, -0.6652, 0.2875),
    (-0.7015, 0.0053, -0.0765), (-0.5557, 0.0487, 0.0176), (-0.4298, 0.0523, 0.0336),
    (-0.3041, -0.0141, 0.0103), (-0.4298, -0.0496, 0.0187), (-0.5791, -0.0426, -0.0037),
    (0.3041, -0.0141, 0.0103), (0.4298, 0.0523, 0.0336), (0.5557, 0.0487, 0.0176),
    (0.7015, 0.0053, -0.0765), (0.5791, -0.0426, -0.0037), (0.4298, -0.0496, 0.0187),
    (-0.3875, -1.1002, 0.0987), (-0.2640, -0.9912, 0.2531), (-0.1123, -0.9403, 0.3500),
    (0.0000, -0.9525, 0.3662), (0.1123, -0.9403, 0.3500), (0.2640, -0.9912, 0.2531),
    (0.3875, -1.1002, 0.0987), (0.2496, -1.1988, 0.2139), (0.1104, -1.2500, 0.2824),
    (0.0000, -1.2615, 0.2961), (-0.1104, -1.2500, 0.2824), (-0.2496, -1.1988, 0.2139),
    (-0.3397, -1.0897, 0.0599), (-0.0842, -1.0451, 0.2335), (0.0000, -1.0453, 0.2463),
    (0.0842, -1.0451, 0.2335), (0.3397, -1.0897, 0.0599), (0.0920, -1.1279, 0.2653),
    (0.0000, -1.1317, 0.2755), (-0.0920, -1.1279, 0.2653),
], dtype=np.float32)
# fmt: on
"""A generic adult face at rest, lips just apart: (68, 3) float32, head frame. Exactly symmetric."""
MEAN_FACE.setflags(write=False)

_LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
_LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))


def to_offsets(points: Reals) -> Reals:
    """Turn points (..., 68, 3) in eye distances into landmarks: offsets in tenths of an eye distance."""
    return (points - MEAN_FACE) * np.float32(OFFSET_SCALE)


def from_offsets(landmarks: Reals) -> Reals:
    """Turn landmarks (..., 68, 3), in tenths of an eye distance, into points in eye distances."""
    return landmarks / np.float32(OFFSET_SCALE) + MEAN_FACE


def eye_centres(points: Reals) -> tuple[Reals, Reals]:
    """Return the centroids (..., D) of the viewer's left and right eye of points (..., 68, D)."""
    return points[..., LEFT_EYE, :].mean(axis=-2), points[..., RIGHT_EYE, :].mean(axis=-2)


def eye_distance(points: Reals) -> Reals:
    """Return the distance (...) between the eye centres of points (..., 68, D), in the points' own unit."""
    left, right = eye_centres(points)
    return np.linalg.norm(right - left, axis=-1)


def lip_gap(points: Reals) -> Reals:
    """Return the mean distance (...) of the three facing inner-lip pairs of points (..., 68, D)."""
    return _gap(points, _LIP_PAIRS)


def lid_gap(points: Reals) -> Reals:
    """Return the mean distance (...) of the four facing eyelid pairs of points (..., 68, D)."""
    return _gap(points, _LID_PAIRS)


def mouth_opening(landmarks: Reals) -> Reals:
    """Return how far the mouth is open: (T,) tenths of an eye distance, from landmarks (T, 68, 3)."""
    return OFFSET_SCALE * lip_gap(from_offsets(landmarks))


def eye_opening(landmarks: Reals) -> Reals:
    """Return how far the eyes are open: (T,) tenths of an eye distance, from landmarks (T, 68, 3)."""
    return OFFSET_SCALE * lid_gap(from_offsets(landmarks))


def _gap(points: Reals, pairs: tuple[tuple[int, int], ...]) -> Reals:
    above, below = np.array(pairs).T
    return np.linalg.norm(points[..., above, :] - points[..., below, :], axis=-1).mean(axis=-1)
