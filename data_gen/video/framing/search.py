"""Find a face that is small in a large picture."""

from __future__ import annotations

import math

import numpy as np

from data_gen.video.framing.follow import area, distance
from utils.arrays import Bytes
from utils.faces.detector import Face, LandmarkDetector

_SMALLEST_PART = 640
"""Parts are halved until their longer side is no larger: detectors look at about so many pixels."""
_AROUND = 6.0
"""Side of the part searched around the place where the face was, in sides of its box."""


def detect_anywhere(detector: LandmarkDetector, frame: Bytes, previous: Face | None = None) -> list[Face]:
    """Detect faces in a large picture (H, W, 3): as a whole; when none is found, in overlapping parts, ever smaller.

    Args:
        previous: Where the face was in another picture of the video: its surroundings are searched before the parts.
    """
    faces = detector.detect(frame)
    if faces:
        return faces
    height, width = frame.shape[:2]
    if previous is not None and (faces := _look_around(detector, frame, previous)):
        return faces
    parts = 2
    while not faces:
        part = (height // parts, width // parts)
        tops, lefts = ([k * side // (2 * parts) for k in range(2 * parts - 1)] for side in (height, width))
        for top in _middle_first(tops):
            for left in _middle_first(lefts):
                faces += _in_part(detector, frame, top, left, *part)
            if faces:
                break
        if max(part) <= _SMALLEST_PART:
            break
        parts *= 2
    return _without_doubles(faces)


def _look_around(detector: LandmarkDetector, frame: Bytes, previous: Face) -> list[Face]:
    height, width = frame.shape[:2]
    half = _AROUND * math.sqrt(area(previous)) / 2
    x, y = ((previous.box[i] + previous.box[i + 2]) / 2 for i in (0, 1))
    left, top = max(0, round(x - half)), max(0, round(y - half))
    return _in_part(detector, frame, top, left, min(height, round(y + half)) - top, min(width, round(x + half)) - left)


def _in_part(detector: LandmarkDetector, frame: Bytes, top: int, left: int, height: int, width: int) -> list[Face]:
    detector.forget()
    detected = detector.detect(np.ascontiguousarray(frame[top : top + height, left : left + width]))
    return [_shifted(face, left, top) for face in detected]


def _middle_first(places: list[int]) -> list[int]:
    middle = len(places) // 2
    return [places[middle], *places[:middle], *places[middle + 1 :]]


def _shifted(face: Face, left: int, top: int) -> Face:
    x0, y0, x1, y1 = face.box
    points = face.points_px + np.array([left, top], dtype=np.float32)
    return face._replace(points_px=points, box=(x0 + left, y0 + top, x1 + left, y1 + top))


def _without_doubles(faces: list[Face]) -> list[Face]:
    """Keep one of faces found in two overlapping parts; the largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -area(face)):
        if all(distance(face, other) > 0.5 * math.sqrt(area(other)) for other in kept):
            kept.append(face)
    return kept
