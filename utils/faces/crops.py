"""Cut faces out the way face recognisers were trained: five points brought to fixed places of a 112-pixel square.

crop = aligned_crop(photo, five_points(face.points_px))     # (112, 112, 3) RGB uint8
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from utils.arrays import Bytes, Doubles, Reals

CROP = 112
"""Side of a crop in pixels."""
SMALLEST_SHARE = 0.2
"""A face of less than this share of the largest one's area is not the one that a photo was taken of."""
FIVE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""ArcFace's places, (5, 2), of the eye on the left of the picture, the other eye, the nose's tip and the mouth's
corners: centres of pixels counted from 0, as OpenCV does."""


def five_points(points_px: Reals) -> Doubles:
    """Return eyes, nose tip and mouth corners (5, 2) of 68 iBUG points (68, 2), pixels from the picture's corner."""
    p = np.asarray(points_px, np.float64)
    return np.stack([p[36:42].mean(0), p[42:48].mean(0), p[30], p[48], p[54]])


def similarity(source: Reals, target: Reals) -> Doubles:
    """Return the (2, 3) rotation, scale and shift that brings points (N, 2) nearest to others, never mirrored.

    Raises:
        ValueError: The points are all in one place, or are no numbers.
    """
    from skimage.transform import SimilarityTransform

    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if not np.square(source - source.mean(0)).sum() >= 1e-12:  # also when it is no number
        raise ValueError("the points are all in one place")
    transform = SimilarityTransform.from_estimate(source, target)
    if not transform:
        raise ValueError("the points are all in one place")
    return np.asarray(transform.params[:2], np.float64)


def aligned_crop(photo: Bytes, five: Reals) -> Bytes:
    """Return the (112, 112, 3) crop of an RGB photo whose five points (5, 2) are given, pixels from its corner.

    A photo much larger than the crop is averaged down on the way, so that nothing flickers.
    """
    import cv2

    matrix = similarity(np.asarray(five) - 0.5, FIVE_POINTS)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    finer = max(1, min(4, round(1 / max(scale, 1e-6))))
    half = (finer - 1) / 2
    wide = matrix * finer
    wide[:, 2] += half
    crop = cv2.warpAffine(photo, wide, (CROP * finer, CROP * finer), flags=cv2.INTER_LINEAR)
    return np.asarray(crop if finer == 1 else cv2.resize(crop, (CROP, CROP), interpolation=cv2.INTER_AREA), np.uint8)


def may_be_meant(faces: Sequence[Any]) -> list[Any]:
    """Return the faces (`utils.faces.detector.Face`) that a photo may be of, the largest first.

    Left out are those far smaller than the largest: somebody in the background.
    """

    def area(face: Any) -> float:
        x0, y0, x1, y1 = face.box
        return float((x1 - x0) * (y1 - y0))

    ordered = sorted(faces, key=area, reverse=True)
    return [face for face in ordered if area(face) >= SMALLEST_SHARE * area(ordered[0])]


def crops_of(photo: Bytes, detector: Any) -> Iterator[Bytes]:
    """Yield the aligned crops (112, 112, 3) of the faces in a photo (H, W, 3) RGB uint8, the largest first."""
    detector.forget()
    for face in detector.detect(photo):
        yield aligned_crop(photo, five_points(face.points_px))
