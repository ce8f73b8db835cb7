"""Photographs to upright crops of one size, with 68 landmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.faces.crops import may_be_meant, similarity
from utils.faces.detector import LandmarkDetector
from utils.faces.landmarks import MEAN_FACE

FACE_SIZE = 224
EYE_DISTANCE_OF_SIDE = 0.28
"""Distance of the eyes' centres in a crop, relative to its side; hair and chin are inside."""
EYE_HEIGHT = 0.42
"""How far below the top the eyes lie, relative to the side."""
NO_FACE = 0.6
"""Landmarks that lie so far from the mean face's (root mean square, in eye distances) after turning and scaling are
those of something else."""


class FaceCrop(NamedTuple):
    """picture (S, S, 3) uint8 RGB, eyes level; landmarks_px (68, 2) float32 in it."""

    picture: Bytes
    landmarks_px: Floats


def mean_shape(size: int = FACE_SIZE) -> Floats:
    """Return where the mean face's landmarks lie in a crop, (68, 2) pixels."""
    flat = MEAN_FACE[:, :2] * (1.0, -1.0) * EYE_DISTANCE_OF_SIDE + (0.5, EYE_HEIGHT)
    return (size * flat).astype(np.float32)


def align(picture: Bytes, landmarks_px: Floats, size: int = FACE_SIZE) -> FaceCrop:
    """Turn, scale and move a face onto the mean face; what lies outside the photograph repeats its edge.

    Args:
        picture: (H, W, 3) uint8 RGB.
        landmarks_px: (68, 2) pixels in it.
        size: Side of the crop in pixels.
    """
    import cv2

    matrix = similarity(landmarks_px[17:], mean_shape(size)[17:])
    scale = float(np.hypot(*matrix[0, :2]))
    shift = matrix.copy()
    shift[:, 2] += 0.5 * (matrix[:, :2] @ np.ones(2)) - 0.5  # OpenCV counts from pixel centres, we from the corner
    if scale < 0.5:  # else fine detail of a large photograph turns into noise
        blur = 0.5 / scale - 0.5
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)
    crop = cv2.warpAffine(picture, shift, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = landmarks_px @ matrix[:, :2].T + matrix[:, 2]
    return FaceCrop(np.asarray(crop, np.uint8), moved.astype(np.float32))


def find_face(
    picture: Bytes, detector: LandmarkDetector, size: int = FACE_SIZE, *, alone: bool = False
) -> FaceCrop:
    """Crop the largest face of a picture (H, W, 3) uint8 RGB to a side of `size` pixels.

    With `alone`, another one in it that is not far smaller is refused, since either may be meant.

    Raises:
        DataError: There is none, its landmarks are no face's, or there are several and it must be `alone`.
    """
    import cv2

    detector.forget()
    height, width = picture.shape[:2]
    scale = min(1.0, 1280 / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    faces = detector.detect(np.asarray(small, np.uint8))
    if not faces:
        raise DataError("no face in it")
    if alone and (count := len(may_be_meant(faces))) > 1:
        raise DataError(f"{count} faces in it, and which is this person's cannot be told; cut the others off")
    ratio = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
    try:
        crop = align(picture, faces[0].points_px * ratio, size)
    except ValueError:  # they are all in one place, or no numbers
        raise DataError("its landmarks are no face's (nan eye distances from one)") from None
    off = np.sqrt(np.square(crop.landmarks_px - mean_shape(size)).sum(-1).mean()) / (EYE_DISTANCE_OF_SIDE * size)
    if not off < NO_FACE:  # also when it is no number
        raise DataError(f"its landmarks are no face's ({off:.1f} eye distances from one)")
    return crop
