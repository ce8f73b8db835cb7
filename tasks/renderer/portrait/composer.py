"""Lay the rendered lower face into the true frame whose head pose it was drawn with.

Hair, ears, collar and wall are then the footage's own, and so are eyes and brows. What is laid in: jaw, cheeks below
the eyes and the mouth, of the face as it was and as it is to be, so that neither chin is left over. Where no portrait
is trained, the seam is closed by what the two pictures differ along it, spread inwards (the membrane of Farbman et al.,
"Coordinates for Instant Image Cloning", 2009). What a render lacks of the footage's grain is added (`grain`), and
outlines that do not move are the footage's own (`outline`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from modules.renderer.loops.laying import lay_in
from tasks.renderer.portrait.grain import Grain, lacking
from tasks.renderer.portrait.lower_face import LowerFace, covered, lower_face
from tasks.renderer.portrait.outline import free_of_outline
from utils.arrays import Bytes, Floats, Reals
from utils.faces.landmarks import eye_distance
from utils.media.pictures import fitted

WIDER = 0.14
"""How much wider than the hull of the lower face the mask is where no portrait is trained; eye distances."""
REACH = 0.35
"""How far the seam's difference of colour is carried inwards; eye distances."""
MOST_SHIFT = 40.0
"""Most that a colour is changed by for the seam's sake, of 255."""

class Place(NamedTuple):
    """Where a lower face is to be laid: the frame of the footage, (H, W, 3) as it is true, and the part of it.

    points_px: (68, 2) landmarks of the face to draw, pixels of the picture.
    """

    frame_id: int
    frame: Bytes
    face: LowerFace
    points_px: Reals


class Laid(NamedTuple):
    """A lower face that was drawn: colour (h, w, 3) RGB and its place.

    mask: (h, w) 0..255, how much it covers. solid: (h, w) 0..255, how much of a head is drawn there.
    height: Of the whole picture, pixels.
    """

    colour: Bytes
    mask: Bytes
    solid: Bytes
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
        mask, solid = (
            np.asarray(cv2.warpAffine(x, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
            for x in (self.mask, self.solid)
        )
        face = LowerFace((left, top, left + size[0], top + size[1]), np.asarray(mask / np.float32(255), np.float32))
        place = self.place._replace(face=face, points_px=self.place.points_px * scale)
        return Laid(np.asarray(colour), mask, solid, place, height)


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
        self.inlay = Inlay(usual_unit(footage.landmarks_px) * float(self.scale), matched=matched)

    def place(self, frame_id: int, points_px: Reals) -> Place:
        """Find the lower face of a frame as it is and as it is to be, landmarks (68, 2) in pixels of the picture."""
        both = np.stack([self.own_px(frame_id), points_px])
        face = lower_face(both, self.height, self.width, wider=self.wider, step=self.step)
        frame = fitted(self.footage.video.frames[frame_id], self.height, self.width)
        return Place(frame_id, frame, face, points_px)

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
        frame_id, frame = laid.place.frame_id, laid.place.frame
        head = fitted(self.footage.video.head_mask[frame_id], self.height, self.width)
        return self.inlay.lay(frame, laid, self.own_px(frame_id), head)


def usual_unit(landmarks_px: Reals) -> float:
    """Return how long an eye distance usually is among landmarks (T, 68, 2), pixels."""
    return float(np.median([eye_distance(one) for one in landmarks_px[:: max(1, len(landmarks_px) // 64)]]))


class Inlay:
    """Lay a rendered lower face into a true picture of one size; the same for the same input.

    Args:
        unit: How long an eye distance usually is in the pictures, pixels.
        matched: Whether what is drawn is matched to its surroundings already, by a trained portrait.
    """

    def __init__(self, unit: float, *, matched: bool = False) -> None:
        self.matched = matched
        self.grain = Grain(unit)

    def lay(self, frame: Bytes, laid: Laid, own_px: Reals, head_mask: Bytes) -> Bytes:
        """Return the frame (H, W, 3) RGB with a lower face in it.

        Args:
            frame: What is true; beyond the lower face it stays as it is.
            laid: What was drawn, and where.
            own_px: (68, 2) landmarks of the frame, pixels.
            head_mask: (H, W) 0..255 of the frame.
        """
        out = frame.copy()
        if not laid.mask.size:
            return out
        part, corner = laid.place.face.part, laid.place.face.box[:2]
        own, head, true = own_px - corner, np.ascontiguousarray(head_mask[part]), np.ascontiguousarray(frame[part])
        free = covered(head, own)
        mask = free_of_outline(laid.mask, laid.solid, head, free, own, laid.place.points_px - corner)
        drawn: Bytes | Floats = np.ascontiguousarray(laid.colour)
        if not self.matched:
            drawn = drawn + seam(true.astype(np.float32) - drawn, mask, REACH * float(eye_distance(own_px)))
        strength = lacking(true, drawn, mask)
        lay_in(drawn, mask, self.grain.on(mask.shape, own), np.float32(strength), true)
        out[part] = true
        return out


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
