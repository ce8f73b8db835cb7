"""Which of the faces in a picture is the person's."""

from __future__ import annotations

import math

from utils.errors import DataError
from utils.faces.detector import Face

RIVAL_AREA = 0.5
"""A second face with this share of the first one's area makes it unclear who is meant."""


def follow(faces: list[Face], previous: Face | None, where: str = "the picture") -> Face | None:
    """Pick the face that continues `previous`: the nearest of a like size, else (at first) the largest.

    Raises:
        DataError: There is nothing to follow and two faces are about equally large.
    """
    if not faces:
        return None
    if previous is not None:
        side = math.sqrt(area(previous))
        nearest = min(faces, key=lambda face: distance(face, previous))
        ratio = math.sqrt(area(nearest)) / side
        if distance(nearest, previous) < 0.6 * side and 0.6 < ratio < 1.7:
            return nearest
    if len(faces) > 1 and area(faces[1]) > RIVAL_AREA * area(faces[0]):
        raise DataError(
            f"{where} there are two faces of about equal size. One person must be alone in the picture, or much "
            f"larger than anyone else: crop the video to that person, or cut that part out."
        )
    return faces[0]


def area(face: Face) -> float:
    """Return the area of a face's box in pixels."""
    x0, y0, x1, y1 = face.box
    return max((x1 - x0) * (y1 - y0), 1e-6)


def distance(a: Face, b: Face) -> float:
    """Return how far the middles of two faces' boxes are apart, in pixels."""
    return math.hypot(*((a.box[i] + a.box[i + 2] - b.box[i] - b.box[i + 2]) / 2 for i in (0, 1)))
