"""Faces are brought to ArcFace's five places whatever their size, turn and place."""

from __future__ import annotations

import numpy as np
import pytest

from utils.faces.crops import CROP, FIVE_POINTS, aligned_crop, five_points, may_be_meant, similarity
from utils.faces.detector import Face
from utils.faces.landmarks import MEAN_FACE


def turned(points, scale, degrees, shift):
    a = np.radians(degrees)
    return scale * points @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]).T + shift


def test_a_similarity_is_found_again():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 2))
    target = turned(points, 2.5, 30, [7, -3])
    matrix = similarity(points, target)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], target, atol=1e-9)
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(2.5**2)


def test_points_in_one_place_are_refused():
    with pytest.raises(ValueError, match="all in one place"):
        similarity(np.ones((5, 2)), FIVE_POINTS)


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0), (3.0, 20), (0.8, -15)])
def test_dots_at_the_five_points_land_in_their_places(scale, degrees):
    places = turned(FIVE_POINTS - 56, scale, degrees, [250, 240])
    y, x = np.mgrid[:500, :500]
    photo = np.zeros((500, 500, 3), np.uint8)
    for px, py in places:
        blob = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (2 * scale) ** 2))
        photo = np.maximum(photo, blob[..., None].astype(np.uint8))
    crop = aligned_crop(photo, places + 0.5)[..., 0].astype(float)
    assert crop.shape == (CROP, CROP)
    for px, py in FIVE_POINTS:
        x0, y0 = round(px), round(py)
        window = crop[y0 - 7 : y0 + 8, x0 - 7 : x0 + 8]
        wy, wx = np.mgrid[y0 - 7 : y0 + 8, x0 - 7 : x0 + 8]
        assert (window * wx).sum() / window.sum() == pytest.approx(px, abs=0.15)
        assert (window * wy).sum() / window.sum() == pytest.approx(py, abs=0.15)


def test_five_points_of_the_mean_face_are_in_arcface_order():
    eye_left, eye_right, nose, mouth_left, mouth_right = five_points(MEAN_FACE[:, :2] * [1, -1])
    assert eye_left[0] < nose[0] < eye_right[0]
    assert mouth_left[0] < nose[0] < mouth_right[0]
    assert eye_left[1] < nose[1] < mouth_left[1]


def test_somebody_far_smaller_is_not_whom_a_photo_is_of():
    faces = [Face(np.zeros((68, 2), np.float32), (0, 0, side, side)) for side in (40, 100, 50)]
    assert [face.box[2] for face in may_be_meant(faces)] == [100, 50]
    assert may_be_meant([]) == []
