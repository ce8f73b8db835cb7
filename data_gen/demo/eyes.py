"""Blink: the upper lid, with its lashes, comes down over an eye that stays where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from data_gen.demo.column_warp import forward_rows, rising, warp_rows
from data_gen.demo.portrait import Portrait
from utils.arrays import Bytes, Floats

_SLIT = 2
_UPPER = {36: (36, 37, 38, 39), 42: (42, 43, 44, 45)}
_LOWER = {36: (36, 41, 40, 39), 42: (42, 47, 46, 45)}


class Eye:
    """Paint one eye of a canvas, closed by a part of the way, and say where its landmarks went.

    Args:
        portrait: Where the eye comes from.
        first: 36 for the eye on the viewer's left, 42 for the other.
    """

    def __init__(self, portrait: Portrait, first: int) -> None:
        from scipy.interpolate import PchipInterpolator

        points = portrait.landmarks_px
        self.first = first
        self.unit = portrait.eye_distance_px
        left, right = float(points[first, 0]), float(points[first + 3, 0])
        margin = 0.1 * self.unit
        self.x0, self.x1 = int(left - margin), int(right + margin)
        columns = np.arange(self.x0, self.x1) + 0.5
        half = 0.5 * (right - left)
        self.u = (columns - 0.5 * (left + right)) / half
        upper, lower = (
            np.asarray(PchipInterpolator(points[list(ids), 0], points[list(ids), 1])(np.clip(columns, left, right)))
            for ids in (_UPPER[first], _LOWER[first])
        )
        tilt = (points[first + 3, 1] - points[first, 1]) / (right - left)
        outside = columns - np.clip(columns, left, right)
        self.upper, self.lower = upper + tilt * outside, lower + tilt * outside
        bulge = np.clip(1 - self.u**2, 0, None)
        # dlib follows the middle of the lashes: the lid's edge, lashes included, lies a little lower.
        self.upper = np.minimum(self.upper + 0.015 * self.unit * bulge, self.lower)
        self.lower = self.lower + 0.01 * self.unit * bulge
        brow = points[17:22] if first == 36 else points[22:27]
        ceiling = np.interp(columns, brow[:, 0], brow[:, 1]) + 0.05 * self.unit
        ceiling = np.minimum(ceiling, self.upper - 0.1 * self.unit)
        floor = self.lower + 0.22 * self.unit
        self.y0, self.y1 = int(ceiling.min()), int(floor.max()) + 1
        self.lashes = np.minimum(0.085 * self.unit, 0.55 * (self.upper - ceiling))
        self.source = rising(np.stack([ceiling, self.upper - self.lashes, self.upper, self.lower, floor]))
        grid = np.meshgrid(np.arange(self.x0, self.x1), np.arange(self.y0, self.y1))
        self.grid_x, self.grid_y = (g.astype(np.float64) + 0.5 for g in grid)
        self.index = grid[0] - self.x0
        self.skin = self._lid(portrait.image)

    def paint(self, canvas: Bytes, closed: float) -> None:
        """Paint the eye into `canvas` (N, N, 3), in place; `closed` is 0 as in the portrait to 1 shut."""
        if closed <= 0:
            return
        import cv2

        target = self._target(closed)
        rows = warp_rows(self.grid_y, self.index, target, self.source, _SLIT)
        maps = (self.grid_x - 0.5).astype(np.float32), (rows - 0.5).astype(np.float32)
        skin = cv2.remap(self.skin, *maps, cv2.INTER_LINEAR).astype(np.float32)
        eye = canvas[self.y0 : self.y1, self.x0 : self.x1].astype(np.float32)
        upper, lower = target[_SLIT][self.index], target[_SLIT + 1][self.index]
        within = np.minimum(self.grid_y - upper, lower - self.grid_y)
        shut = np.clip((lower - upper - 1.0) / 2.0, 0, 1) * (self.upper < self.lower - 0.5)[self.index]
        alpha = (np.clip(0.6 * within + 0.3, 0, 1) * shut)[..., None]
        shade = np.clip(0.75 + 0.25 * (self.grid_y - upper) / 4, 0.75, 1)[..., None]
        lashes = np.exp(-(((self.grid_y - upper) / 1.6) ** 2)) * np.clip(1 - self.u**2, 0, 1)[self.index] ** 0.5
        skin = skin * (1 - 0.25 * min(1.0, 1.5 * closed) * lashes[..., None])
        mixed = skin + (eye * shade - skin) * alpha
        canvas[self.y0 : self.y1, self.x0 : self.x1] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

    def move_points(self, points_px: Floats, closed: float) -> None:
        """Move this eye's six landmarks within `points_px` (68, 2), in place."""
        target = self._target(closed)
        here = slice(self.first, self.first + 6)
        index = np.clip((points_px[here, 0] - self.x0).astype(np.intp), 0, len(self.u) - 1)
        points_px[here, 1] = forward_rows(points_px[here, 1].astype(np.float64), index, target, self.source, _SLIT)

    def _target(self, closed: float) -> npt.NDArray[Any]:
        gap = self.lower - self.upper
        upper = self.upper + 0.86 * closed * gap
        lower = self.lower - 0.14 * closed * gap
        return rising(np.stack([self.source[0], upper - self.lashes, upper, lower, self.source[4]]))

    def _lid(self, image: Bytes) -> Bytes:
        """Return the picture with the opening of the eye filled from the lids."""
        filled = image.copy()
        for i, x in enumerate(range(self.x0, self.x1)):
            if self.lower[i] - self.upper[i] < 0.5:
                continue
            first, last = int(np.floor(self.upper[i])), int(np.ceil(self.lower[i]))
            middle = (first + last + 1) // 2
            filled[first:middle, x] = image[first - 1, x]
            filled[middle : last + 1, x] = image[last + 1, x]
        return filled
