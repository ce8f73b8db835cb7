"""A face that can be posed: mouth, lids and brows painted on one canvas, and its landmarks moved alike."""

from __future__ import annotations

import numpy as np

from data_gen.demo.eyes import Eye
from data_gen.demo.mouth import Mouth, MouthPose
from data_gen.demo.portrait import Portrait
from utils.arrays import Bytes, Floats

_BROW_RISE = 0.035


class Face:
    """Paint a portrait with another expression.

    Args:
        portrait: Whose face.
    """

    def __init__(self, portrait: Portrait) -> None:
        self.portrait = portrait
        self.mouth = Mouth(portrait)
        self.eyes = (Eye(portrait, 36), Eye(portrait, 42))
        points, unit = portrait.landmarks_px, portrait.eye_distance_px
        brows, lids = points[17:27], points[[37, 38, 43, 44]]
        self._x0, self._x1 = int(brows[:, 0].min() - 0.25 * unit), int(brows[:, 0].max() + 0.25 * unit)
        self._y0, self._y1 = int(brows[:, 1].min() - 0.3 * unit), int(lids[:, 1].min())
        columns = np.arange(self._x0, self._x1) + 0.5
        middle = np.interp(columns, brows[:, 0], brows[:, 1])
        rows = np.arange(self._y0, self._y1)[:, None] + 0.5
        up = np.clip((rows - self._y0) / (middle - self._y0), 0, 1)
        down = np.clip((self._y1 - rows) / (self._y1 - middle - 0.05 * unit), 0, 1)
        away = np.clip((abs(columns - columns.mean()) - 0.42 * len(columns)) / (0.08 * len(columns)), 0, 1)
        part = np.minimum(up, down) * (1 - away)
        self._brow_bump = (part * part * (3 - 2 * part) * _BROW_RISE * unit).astype(np.float32)

    def paint(self, mouth: MouthPose, *, closed: float = 0.0, brow: float = 0.0) -> Bytes:
        """Return the canvas (N, N, 3) with this mouth, the lids `closed` (0..1) and the brows raised (-1..1)."""
        canvas = self.portrait.image.copy()
        self.mouth.paint(canvas, mouth)
        for eye in self.eyes:
            eye.paint(canvas, closed)
        if brow:
            self._raise_brows(canvas, brow)
        return canvas

    def landmarks_px(self, mouth: MouthPose, *, closed: float = 0.0, brow: float = 0.0) -> Floats:
        """Return the 68 points (68, 2) on the canvas in this expression."""
        points = self.mouth.move_points(self.portrait.landmarks_px, mouth)
        for eye in self.eyes:
            eye.move_points(points, closed)
        points[17:27, 1] -= brow * _BROW_RISE * self.portrait.eye_distance_px
        return points

    def _raise_brows(self, canvas: Bytes, brow: float) -> None:
        import cv2

        region = canvas[self._y0 : self._y1, self._x0 : self._x1]
        columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in region.shape[1::-1]))
        moved = cv2.remap(
            region, columns, rows + brow * self._brow_bump, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        canvas[self._y0 : self._y1, self._x0 : self._x1] = moved
