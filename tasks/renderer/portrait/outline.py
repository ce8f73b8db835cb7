"""Where the outline of a face stays as it was, so that a true frame's own is kept: no drawing has a camera's edges."""

from __future__ import annotations

import numpy as np

from modules.renderer.loops.laying import keep_outline
from utils.arrays import Bytes, Floats, Reals
from utils.faces.landmarks import JAW, eye_distance

DEPTH = 0.1
"""How far within the outline of the true head all may be covered again, eye distances."""
CLEAR = 0.25
"""The share of that depth that is kept whole: as far as an encoded film lets the colours of a wall bleed."""
STILL, MOVED = 0.01, 0.04
"""Up to the first a jaw lies as it did, from the second on it does not; eye distances across its line."""
FREE = np.clip(np.minimum(np.arange(17), np.arange(17)[::-1]) / 2 - 1.5, 0, 1)
"""How much of its way a landmark of the jaw is believed: above the mouth's corners no speech moves an outline."""
NEAR = 0.15
"""Deviation of how far along the outline a landmark of the jaw speaks for, eye distances."""
COARSE = 8
"""Pixels along each side of which the jaw's way is worked out once."""


def moved_jaw(own_px: Reals, points_px: Reals) -> Floats:
    """Return how much each landmark of a jaw (17,) leaves its line, in [0, 1].

    Args:
        own_px: (68, 2) landmarks of the true frame, pixels. points_px: (68, 2) of the face to draw, in the same pose.
    """
    own, way = own_px[JAW].astype(np.float64), (points_px - own_px)[JAW]
    along = np.gradient(own, axis=0)
    across = np.abs(along[:, 0] * way[:, 1] - along[:, 1] * way[:, 0]) / np.maximum(np.hypot(*along.T), 1e-6)
    share = np.clip((across / float(eye_distance(own_px)) - STILL) / (MOVED - STILL), 0, 1)
    return np.asarray(FREE * share * share * (3 - 2 * share), np.float32)


def free_of_outline(
    mask: Bytes, solid: Bytes, head_mask: Bytes, covered: Floats, own_px: Reals, points_px: Reals
) -> Floats:
    """Return how much of each pixel a drawn lower face covers, (h, w) in [0, 1], without outlines that did not move.

    Covered is what lies within both heads, the true one and the one that was drawn; and all, where the jaw moves away
    from its place.

    Args:
        mask, solid: (h, w) 0..255, how much would be covered, and how much of a head was drawn there.
        head_mask: (h, w) 0..255 of the true frame. covered: (h, w) in [0, 1], what lies before the face.
        own_px, points_px: (68, 2) as for `moved_jaw`, pixels of the masks.
    """
    import cv2

    unit, (high, wide) = float(eye_distance(own_px)), mask.shape
    side = 2 * max(1, round(DEPTH * unit)) + 1
    depth = cv2.boxFilter(head_mask, cv2.CV_32F, (side, side), borderType=cv2.BORDER_REPLICATE)
    rows, columns = (np.arange(COARSE / 2, size + COARSE, COARSE) for size in (high, wide))
    down, across = (
        np.exp(-0.5 * np.minimum(np.square((x[None] - own_px[JAW, axis, None]) / (NEAR * unit)), 60))
        for axis, x in ((1, rows), (0, columns))
    )
    shares = np.einsum("n,ny,nx->yx", moved_jaw(own_px, points_px), down, across) / (down.T @ across)
    moved = cv2.resize(shares.astype(np.float32), None, fx=COARSE, fy=COARSE, interpolation=cv2.INTER_LINEAR)
    out = np.empty(mask.shape, np.float32)
    keep_outline(mask, solid, depth, np.float32(CLEAR), moved, covered, out)
    return out
