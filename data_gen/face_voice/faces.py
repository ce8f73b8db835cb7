"""Photographs to upright crops of one size, with 68 landmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.faces.detector import LandmarkDetector
from utils.faces.landmarks import MEAN_FACE

FACE_SIZE = 224
EYE_DISTANCE = 0.28
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
    flat = MEAN_FACE[:, :2] * (1.0, -1.0) * EYE_DISTANCE + (0.5, EYE_HEIGHT)
    return (size * flat).astype(np.float32)


def align(picture: Bytes, landmarks_px: Floats, size: int = FACE_SIZE) -> FaceCrop:
    """Turn, scale and move a face onto the mean face; what lies outside the photograph repeats its edge."""
    import cv2

    matrix = turn_to_fit(landmarks_px[17:], mean_shape(size)[17:])
    scale = float(np.hypot(*matrix[0, :2]))
    shift = matrix.copy()
    shift[:, 2] += 0.5 * (matrix[:, :2] @ np.ones(2)) - 0.5  # OpenCV counts from pixel centres, we from the corner
    if scale < 0.5:  # else fine detail of a large photograph turns into noise
        blur = 0.5 / scale - 0.5
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)
    crop = cv2.warpAffine(picture, shift, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = landmarks_px @ matrix[:, :2].T + matrix[:, 2]
    return FaceCrop(np.asarray(crop, np.uint8), moved.astype(np.float32))


def turn_to_fit(points: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (2, 3) turn, scale and shift that takes points (P, 2) nearest to `target`, least squares."""
    p, t = points.astype(np.float64), target.astype(np.float64)
    a, b = p - p.mean(0), t - t.mean(0)
    square = float((a**2).sum())
    c, s = float((a * b).sum()) / square, float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / square
    turn = np.array([[c, -s], [s, c]])
    return np.concatenate([turn, (t.mean(0) - turn @ p.mean(0))[:, None]], axis=1)


def find_face(picture: Bytes, detector: LandmarkDetector, size: int = FACE_SIZE) -> FaceCrop:
    """Crop the largest face of a picture.

    Raises:
        DataError: There is none.
    """
    import cv2

    detector.forget()
    height, width = picture.shape[:2]
    scale = min(1.0, 1280 / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    faces = detector.detect(np.asarray(small, np.uint8))
    if not faces:
        raise DataError("no face in it")
    ratio = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
    crop = align(picture, faces[0].points_px * ratio, size)
    off = np.sqrt(np.square(crop.landmarks_px - mean_shape(size)).sum(-1).mean()) / (EYE_DISTANCE * size)
    if not off < NO_FACE:  # also when it is no number
        raise DataError(f"its landmarks are no face's ({off:.1f} eye distances from one)")
    return crop
