"""Lay the rendered lower face into the true frame whose head pose it was drawn with.

Hair, ears, collar and wall are then the footage's own, and so are eyes and brows. What is laid in: jaw, cheeks below
the eyes and the mouth, of the face as it was and as it is to be, so that neither chin is left over. Where no portrait
is trained, the seam is closed by what the two pictures differ along it, spread inwards (the membrane of Farbman et al.,
"Coordinates for Instant Image Cloning", 2009). What a render lacks of a camera's grain is added.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tasks.renderer.portrait.lower_face import LowerFace, covered, lower_face
from utils.arrays import Bytes, Floats, Reals
from utils.faces.landmarks import eye_distance
from utils.media.pictures import fitted

WIDER = 0.14
"""How much wider than the hull of the lower face the mask is where no portrait is trained; eye distances."""
REACH = 0.35
"""How far the seam's difference of colour is carried inwards; eye distances."""
MOST_SHIFT = 40.0
"""Most that a colour is changed by for the seam's sake, of 255."""
MOST_GRAIN = 4.0
"""Most deviation of the grain that is added, of 255."""
SPARSE = 4
"""Of the pixels along an edge so many-th is asked for its grain."""
MEDIAN_OF_NORMAL = 0.6745
"""The median of what is normally distributed, regardless of sign, in its deviations."""


class Place(NamedTuple):
    """Where a lower face is to be laid: the frame of the footage, (H, W, 3) as it is true, and the part of it."""

    frame_id: int
    frame: Bytes
    face: LowerFace


class Laid(NamedTuple):
    """A lower face that was drawn: colour (h, w, 3) RGB, how much it covers (h, w) 0..255, and its place.

    height: Of the whole picture, pixels.
    """

    colour: Bytes
    mask: Bytes
    place: Place
    height: int

    def resized(self, height: int) -> Laid:
        """Return it for a picture of another height; its box grows to whole pixels."""
        if not self.mask.size or height == self.height:
            return self._replace(height=height)
        import cv2

        scale = height / self.height
        x0, y0, x1, y1 = self.place.face.box
        left, top = math.floor(x0 * scale), math.floor(y0 * scale)
        size = math.ceil(x1 * scale) - left, math.ceil(y1 * scale) - top
        move = np.array([[scale, 0, (x0 + 0.5) * scale - left - 0.5], [0, scale, (y0 + 0.5) * scale - top - 0.5]])
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
        colour = cv2.warpAffine(self.colour, move, size, flags=way, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(self.mask, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        face = LowerFace((left, top, left + size[0], top + size[1]), np.asarray(mask / np.float32(255), np.float32))
        return Laid(np.asarray(colour), np.asarray(mask), self.place._replace(face=face), height)


class Composer:
    """Lay rendered lower faces into the frames that a renderer was trained on.

    Args:
        footage: Frames, head masks and landmarks; a `tasks.renderer.footage.Footage`.
        height, width: Size of the pictures.
        wider: How much wider than the lower faces the masks are, eye distances.
        step: Their boxes' sides are multiples of so many pixels.
        matched: Whether what is drawn is matched to its surroundings already, by a trained portrait.
    """

    def __init__(
        self, footage: Any, height: int, width: int, *, wider: float = WIDER, step: int = 1, matched: bool = False
    ) -> None:
        self.footage, self.height, self.width = footage, height, width
        self.wider, self.step = wider, step
        self.scale = np.float32(height / footage.height)
        self.inlay = Inlay(height, width, matched=matched)

    def place(self, frame_id: int, points_px: Reals) -> Place:
        """Find the lower face of a frame as it is and as it is to be, landmarks (68, 2) in pixels of the picture."""
        both = np.stack([self.own_px(frame_id), points_px])
        face = lower_face(both, self.height, self.width, wider=self.wider, step=self.step)
        return Place(frame_id, fitted(self.footage.video.frames[frame_id], self.height, self.width), face)

    def own_px(self, frame_id: int) -> Reals:
        """Return the landmarks (68, 2) of a frame, pixels of the picture."""
        own: Reals = self.footage.landmarks_px[frame_id] * self.scale
        return own

    def behind(self, place: Place) -> Bytes:
        """Return the part (h, w, 3) of a true frame without its head, over which the lower face is drawn."""
        if self.height == self.footage.height:
            return self.footage.part("torso_frames", place.frame_id, *place.face.part)  # type: ignore[no-any-return]
        return fitted(self.footage.video.torso_frames[place.frame_id], self.height, self.width)[place.face.part]

    def lay(self, laid: Laid) -> Bytes:
        """Return the true frame (H, W, 3) with the lower face in it."""
        frame_id, frame, _ = laid.place
        head = fitted(self.footage.video.head_mask[frame_id], self.height, self.width)
        return self.inlay.lay(frame, laid, self.own_px(frame_id), head, seed=frame_id)


class Inlay:
    """Lay a rendered lower face into a true picture of one size; the same for the same input.

    Args:
        height, width: Size of the pictures.
        matched: Whether what is drawn is matched to its surroundings already, by a trained portrait.
    """

    def __init__(self, height: int, width: int, *, matched: bool = False) -> None:
        self.height, self.width, self.matched = height, width, matched
        grain = np.random.default_rng(0).standard_normal((height, width, 1)).astype(np.float32)
        self._grain = grain / np.float32(max(float(np.std(_finest(grain))), 1e-6))

    def lay(self, frame: Bytes, laid: Laid, own_px: Reals, head_mask: Bytes, *, seed: int) -> Bytes:
        """Return the frame (H, W, 3) RGB with a lower face in it.

        Args:
            frame: What is true; beyond the lower face it stays as it is.
            laid: What was drawn, and where.
            own_px: (68, 2) landmarks of the frame, pixels.
            head_mask: (H, W) 0..255 of the frame.
            seed: Says which part of the grain is taken, so that it moves from frame to frame.
        """
        out = frame.copy()
        if not laid.mask.size:
            return out
        part, corner = laid.place.face.part, laid.place.face.box[:2]
        unit = float(eye_distance(own_px))
        mask = np.asarray(laid.mask / np.float32(255) * (1 - covered(head_mask[part], own_px - corner)), np.float32)
        true, drawn = frame[part].astype(np.float32), laid.colour.astype(np.float32)
        if not self.matched:
            drawn += seam(true - drawn, mask, REACH * unit)
        drawn += self._noise(true, drawn, mask, seed)
        out[part] = np.clip(true + mask[..., None] * (drawn - true) + 0.5, 0, 255).astype(np.uint8)
        return out

    def _noise(self, true: Floats, drawn: Floats, mask: Floats, seed: int) -> Floats:
        """Return the grain (h, w, 1) that a render (h, w, 3) lacks against the frame along the mask's edge."""
        ring = np.flatnonzero((mask > 0.05) & (mask < 0.95))[::SPARSE]
        if not len(ring):
            return np.zeros((1, 1, 1), np.float32)
        sizes = (np.abs(_finest(x).reshape(-1, 3)[ring]) for x in (true, drawn))
        there, own = (float(np.median(x)) / MEDIAN_OF_NORMAL for x in sizes)
        room = (self.height - mask.shape[0] + 1, self.width - mask.shape[1] + 1)
        top, left = np.random.default_rng(seed).integers(0, room).tolist()
        grain = self._grain[top : top + mask.shape[0], left : left + mask.shape[1]]
        return np.asarray(min(MOST_GRAIN, max(0.0, there**2 - own**2) ** 0.5) * grain, np.float32)


def _finest(picture: Floats) -> Floats:
    """Return what of a picture (h, w, C) a blur of one pixel takes away."""
    import cv2

    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), 1.0).reshape(picture.shape), np.float32)


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
