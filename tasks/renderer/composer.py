"""Lay the rendered lower face into the true frame whose head pose it was drawn with.

Hair, ears, collar and wall are then the footage's own, and so are eyes and brows. What is laid in: jaw, cheeks below
the eyes and the mouth, of the face as it was and as it is to be, so that neither chin is left over. The seam is closed
by what the two pictures differ along it, spread inwards (the membrane of Farbman et al., "Coordinates for Instant Image
Cloning", 2009), and what a render lacks of a camera's grain is added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.arrays import Bytes, Floats, Reals
from utils.faces.landmarks import JAW, MOUTH, NOSE, eye_distance
from utils.media.pictures import fitted
from utils.metrics import Box

CHEEKS = [*range(JAW.start + 2, JAW.stop - 2), *range(NOSE.start + 2, NOSE.stop), *range(MOUTH.start, MOUTH.stop)]
"""Landmarks whose hull is the lower face: the jaw below the ears, the nose below the eyes, the mouth."""
WIDER, SOFT = 0.14, 0.06
"""How much wider than the hull the mask is, and the deviation of its edge's blur; eye distances."""
REACH = 0.35
"""How far the seam's difference of colour is carried inwards; eye distances."""
MOST_SHIFT = 40.0
"""Most that a colour is changed by for the seam's sake, of 255."""
MOST_GRAIN = 4.0
"""Most deviation of the grain that is added, of 255."""
MEDIAN_OF_NORMAL = 0.6745
"""The median of what is normally distributed, regardless of sign, in its deviations."""
COVERED = 96
"""A pixel inside the true face whose head mask is below this (of 255) belongs to something before the face."""


class Composer:
    """Lay rendered lower faces into the frames that a renderer was trained on.

    Args:
        footage: Frames, head masks and landmarks; a `tasks.renderer.footage.Footage`.
        height, width: Size of the pictures.
    """

    def __init__(self, footage: Any, height: int, width: int) -> None:
        self.footage, self.height, self.width = footage, height, width
        self.scale = np.float32(height / footage.height)
        self.inlay = Inlay(height, width)

    def lay(self, picture: Bytes, frame_id: int, points_px: Reals) -> Bytes:
        """Return the true frame (H, W, 3) with the lower face of a render (H, W, 3) of the same head pose.

        Args:
            picture: The render, RGB.
            frame_id: Frame of the footage.
            points_px: (68, 2) where the render's landmarks are, pixels of the picture.
        """
        frame = fitted(self.footage.video.frames[frame_id], self.height, self.width)
        head = fitted(self.footage.video.head_mask[frame_id], self.height, self.width)
        own = self.footage.landmarks_px[frame_id] * self.scale
        return self.inlay.lay(frame, picture, own, points_px, head, seed=frame_id)


class Inlay:
    """Lay a rendered lower face into a true picture of one size; the same for the same input.

    Args:
        height, width: Size of the pictures.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        grain = np.random.default_rng(0).standard_normal((height, width, 1)).astype(np.float32)
        self._grain = grain / np.float32(max(float(np.std(_finest(grain))), 1e-6))

    def lay(
        self, frame: Bytes, picture: Bytes, own_px: Reals, points_px: Reals, head_mask: Bytes, *, seed: int
    ) -> Bytes:
        """Return the frame with the lower face of the picture; both (H, W, 3) RGB, of one head pose.

        Args:
            frame: What is true; beyond the lower face it stays as it is.
            picture: What was rendered.
            own_px: (68, 2) landmarks of the frame, pixels.
            points_px: (68, 2) landmarks that were rendered, pixels.
            head_mask: (H, W) 0..255 of the frame.
            seed: Says which part of the grain is taken, so that it moves from frame to frame.
        """
        out = frame.copy()
        unit = float(eye_distance(own_px))
        mask, (x0, y0, x1, y1) = lower_face(np.stack([own_px, points_px]), unit, self.height, self.width)
        if not mask.size:
            return out
        box = slice(y0, y1), slice(x0, x1)
        mask *= 1 - _covered(head_mask[box], own_px - (x0, y0), unit)
        true, drawn = frame[box].astype(np.float32), picture[box].astype(np.float32)
        drawn += seam(true - drawn, mask, REACH * unit)
        drawn += self._noise(true, drawn, mask, seed)
        out[box] = np.clip(true + mask[..., None] * (drawn - true) + 0.5, 0, 255).astype(np.uint8)
        return out

    def _noise(self, true: Floats, drawn: Floats, mask: Floats, seed: int) -> Floats:
        """Return the grain (h, w, 1) that a render (h, w, 3) lacks against the frame along the mask's edge."""
        ring = (mask > 0.05) & (mask < 0.95)
        if not ring.any():
            return np.zeros((1, 1, 1), np.float32)
        there, own = (float(np.median(np.abs(_finest(x)[ring]))) / MEDIAN_OF_NORMAL for x in (true, drawn))
        room = (self.height - mask.shape[0] + 1, self.width - mask.shape[1] + 1)
        top, left = np.random.default_rng(seed).integers(0, room).tolist()
        grain = self._grain[top : top + mask.shape[0], left : left + mask.shape[1]]
        return np.asarray(min(MOST_GRAIN, max(0.0, there**2 - own**2) ** 0.5) * grain, np.float32)


def _covered(head_mask: Bytes, own_px: Reals, unit: float) -> Floats:
    """Return where something covers the true face (68, 2), (h, w) in [0, 1]: a hand, a cup, a microphone."""
    import cv2

    covered = ((head_mask < COVERED) & (_hull(own_px, head_mask.shape, -0.12 * unit) > 0)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(covered, (0, 0), max(0.5, 0.04 * unit)), np.float32)


def _finest(picture: Floats) -> Floats:
    """Return what of a picture (h, w, C) a blur of one pixel takes away."""
    import cv2

    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), 1.0).reshape(picture.shape), np.float32)


def lower_face(points_px: Reals, unit: float, height: int, width: int) -> tuple[Floats, Box]:
    """Return the soft mask (h, w) in [0, 1] over several lower faces at once, and the box of the picture it covers.

    Args:
        points_px: (N, 68, 2) pixels; every face is covered.
        unit: Eye distance in pixels.
        height, width: Size of the picture.
    """
    import cv2

    points = points_px[:, CHEEKS].reshape(-1, 2)
    room = (WIDER + 3 * SOFT) * unit + 2
    low, high = np.floor(points.min(axis=0) - room), np.ceil(points.max(axis=0) + room)
    x0, y0, x1, y1 = (int(v) for v in (*np.maximum(low, 0), *np.minimum(high, (width, height))))
    if x1 <= x0 or y1 <= y0:
        return np.zeros((0, 0), np.float32), (0, 0, 0, 0)
    shape = (y1 - y0, x1 - x0)
    covered = np.max([_hull(face - (x0, y0), shape, WIDER * unit) for face in points_px], axis=0)
    return np.asarray(cv2.GaussianBlur(covered, (0, 0), max(0.5, SOFT * unit)), np.float32), (x0, y0, x1, y1)


def _hull(points: Reals, shape: tuple[int, ...], wider: float) -> Floats:
    """Fill the hull of a lower face (68, 2) in a picture (h, w), widened by some pixels (narrowed when negative)."""
    import cv2

    filled = np.zeros(shape[:2], np.float32)
    hull = cv2.convexHull(np.asarray(points[CHEEKS], np.float32))
    cv2.fillConvexPoly(filled, hull.round().astype(np.int32), 1.0)
    side = 2 * round(abs(wider)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(filled, kernel) if wider > 0 else cv2.erode(filled, kernel), np.float32)


def seam(difference: Floats, mask: Floats, reach: float) -> Floats:
    """Spread what two pictures differ by along a mask's edge over its inside.

    Args:
        difference: (h, w, 3) colours, 0..255.
        mask: (h, w) in [0, 1].
        reach: Deviation in pixels of how far it is carried.

    Returns:
        (h, w, 3) what to add to the picture that is laid in.
    """
    import cv2

    small = max(1, int(reach / 6))
    size = (max(1, mask.shape[1] // small), max(1, mask.shape[0] // small))
    edge = 4 * mask * (1 - mask)
    weight = cv2.resize(edge, size, interpolation=cv2.INTER_AREA)
    bounded = np.clip(difference, -MOST_SHIFT, MOST_SHIFT) * edge[..., None]
    total = cv2.resize(bounded, size, interpolation=cv2.INTER_AREA)
    total, weight = (cv2.GaussianBlur(x, (0, 0), reach / small) for x in (total, weight))
    spread: Reals = total / np.maximum(weight, 1e-4)[..., None]
    return np.asarray(cv2.resize(spread, (mask.shape[1], mask.shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
