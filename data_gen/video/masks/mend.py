"""Mend what parsers get wrong below the chin: skin in a neckline that is taken for background, or for the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_gen.video.masks.parser import Masks
from utils.arrays import Bytes, Reals

_SOLID = 127
_RIM = 0.012
"""How far a hole's soft edge reaches into the torso, in picture heights."""
_AROUND = 0.6
"""Share of a hole's rim that must be torso; the rest may be head or the picture's lower edge."""


def mended(masks: Masks, points_px: Reals) -> Masks:
    """Return masks (H, W) whose torso has no hole: what it encloses, down to the picture's edge, belongs to it.

    Below the chin only, where `points_px` (68, 2) has it, and only what torso surrounds: the gap between an arm and
    the body, or between hair and neck, stays.
    """
    import cv2

    torso = np.minimum(masks.neck.astype(np.uint16) + masks.cloth, 255).astype(np.uint8)
    holes = _enclosed(torso > _SOLID, float(points_px[8, 1]), float(np.ptp(points_px[:17, 0])))
    if not holes.any():
        return masks
    kernel = np.ones((2 * max(1, round(_RIM * len(torso))) + 1,) * 2, np.uint8)
    rims = (cv2.dilate(holes.astype(np.uint8), kernel) > 0) & (masks.head <= _SOLID)
    add = np.where(holes | rims, 255 - torso, 0).astype(np.uint8)
    head = np.where(holes | rims, 0, masks.head).astype(np.uint8)
    return Masks(head, masks.neck, masks.cloth + np.minimum(add, 255 - masks.cloth))


def _enclosed(torso: NDArray[np.bool_], chin: float, face_width: float) -> NDArray[np.bool_]:
    """Mark the parts of a picture without torso that lie below the chin and that torso surrounds."""
    import cv2

    height = len(torso)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((~torso).astype(np.uint8), connectivity=4)
    holes = np.zeros_like(torso)
    kernel = np.ones((3, 3), np.uint8)
    for label in range(1, count):
        left, top, wide = boxes[label][:3]
        if top < chin or left == 0 or left + wide == torso.shape[1] or wide > 1.5 * max(face_width, 1):
            continue
        hole: Bytes = (labels == label).astype(np.uint8)
        rim = (cv2.dilate(hole, kernel) > 0) & (hole == 0)
        if rim.any() and torso[rim].mean() >= _AROUND:
            holes |= hole > 0
    return holes & (np.arange(height)[:, None] >= chin)
