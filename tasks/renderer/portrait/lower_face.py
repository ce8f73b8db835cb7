"""Where the lower face lies in a picture, how it is aligned to rays, and what covers it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.arrays import Bytes, Floats, Reals
from utils.faces.landmarks import JAW, MOUTH, NOSE, eye_distance
from utils.metrics import Box

CHEEKS = [*range(JAW.start + 2, JAW.stop - 2), *range(NOSE.start + 2, NOSE.stop), *range(MOUTH.start, MOUTH.stop)]
"""Landmarks whose hull is the lower face: the jaw below the ears, the nose below the eyes, the mouth."""
RIGID = [0, 16, 27, 28, 29, 30, 36, 39, 42, 45]
"""Landmarks that no expression moves: the ends of the jaw, the nose's bridge, the corners of the eyes."""
SOFT = 0.06
"""Deviation of the blur of a mask's edge, eye distances."""
COVERED = 96
"""A pixel inside the true face whose head mask is below this (of 255) belongs to something before the face."""


class LowerFace(NamedTuple):
    """A part of a picture and how much of it is lower face.

    Attributes:
        box: (x0, y0, x1, y1) pixels, on the borders of rays; empty where no face is in the picture.
        mask: (y1 - y0, x1 - x0) in [0, 1], soft at its edge, 0 along the borders of the box.
    """

    box: Box
    mask: Floats

    @property
    def part(self) -> tuple[slice, slice]:
        """Return the rows and columns of the picture."""
        x0, y0, x1, y1 = self.box
        return slice(y0, y1), slice(x0, x1)


def lower_face(points_px: Reals, height: int, width: int, *, wider: float, step: int = 1) -> LowerFace:
    """Find several lower faces at once.

    Args:
        points_px: (N, 68, 2) pixels; every face is covered. The first says how large an eye distance is.
        height, width: Size of the picture.
        wider: How much wider than the hulls the mask is, eye distances.
        step: The box's sides are multiples of so many pixels, as far as the picture has them.
    """
    import cv2

    unit = float(eye_distance(points_px[0]))
    cheeks = points_px[:, CHEEKS].reshape(-1, 2)
    room = (wider + 6**0.5 * SOFT) * unit + 2
    low, high = np.floor((cheeks.min(axis=0) - room) / step), np.ceil((cheeks.max(axis=0) + room) / step)
    x0, y0, x1, y1 = (int(v) * step for v in (*np.maximum(low, 0), *np.minimum(high, (width // step, height // step))))
    if x1 <= x0 or y1 <= y0:
        return LowerFace((0, 0, 0, 0), np.zeros((0, 0), np.float32))
    shape = (y1 - y0, x1 - x0)
    filled = np.max([_hull(face - (x0, y0), shape, wider * unit) for face in points_px], axis=0)
    side = 2 * max(1, round(SOFT * unit * 6**0.5) - 1) + 1  # of a triangle with that deviation
    soft = cv2.stackBlur(filled * np.uint8(255), (side, side))
    return LowerFace((x0, y0, x1, y1), np.asarray(soft / np.float32(255), np.float32))


def covered(head_mask: Bytes, own_px: Reals) -> Floats:
    """Return where something lies before the true face: a hand, a cup, a microphone; (h, w) in [0, 1].

    Args:
        head_mask: (h, w) 0..255 of the true frame.
        own_px: (68, 2) its landmarks, pixels of the mask.
    """
    import cv2

    unit = float(eye_distance(own_px))
    before = ((head_mask < COVERED) & (_hull(own_px, head_mask.shape, -0.12 * unit) > 0)).astype(np.float32)
    if not before.any():
        return before
    return np.asarray(cv2.GaussianBlur(before, (0, 0), max(0.5, 0.04 * unit)), np.float32)


def _hull(points: Reals, shape: tuple[int, ...], wider: float) -> Bytes:
    """Fill the hull of a lower face (68, 2) in a picture (h, w) with 1, widened by some pixels (narrowed below 0)."""
    import cv2

    filled = np.zeros(shape[:2], np.uint8)
    hull = cv2.convexHull(np.asarray(points[CHEEKS], np.float32)).round().astype(np.int32)
    cv2.fillConvexPoly(filled, hull, 1)
    cv2.polylines(filled, [hull], True, int(wider > 0), max(1, 2 * round(abs(wider))))
    return filled
