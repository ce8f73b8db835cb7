"""The dlib detector, on the portrait that scikit-image brings."""

from __future__ import annotations

import numpy as np
import pytest

from utils.errors import AssetError
from utils.faces.crops import FIVE_POINTS, aligned_crop, five_points, similarity
from utils.faces.dlib_detector import DlibDetector, fit_error
from utils.faces.landmarks import MEAN_FACE, eye_distance


def test_dlib_finds_the_portrait_and_follows_it_when_it_moves(dlib_detector, portrait):
    dlib_detector.forget()
    (first,) = dlib_detector.detect(portrait)
    assert first.points_px.shape == (68, 2)
    assert first.points_px.dtype == np.float32
    assert first.blendshapes is None
    assert 30 < eye_distance(first.points_px) < 70
    assert fit_error(first.points_px) < 0.15
    moved = np.roll(portrait, (3, 5), axis=(0, 1))
    (second,) = dlib_detector.detect(moved)
    shift = (second.points_px - first.points_px).mean(axis=0)
    np.testing.assert_allclose(shift, [5, 3], atol=0.6)


def test_dlib_searches_again_when_the_face_is_elsewhere(dlib_detector, portrait):
    wide = np.zeros((300, 700, 3), np.uint8)
    left, right = wide.copy(), wide.copy()
    left[:, :300] = portrait
    right[:, 400:] = portrait
    dlib_detector.forget()
    (first,) = dlib_detector.detect(left)
    (second,) = dlib_detector.detect(right)
    np.testing.assert_allclose((second.points_px - first.points_px).mean(axis=0), [400, 0], atol=3)
    assert dlib_detector.detect(wide) == []


def test_the_points_of_a_crop_are_found_without_a_search(dlib_detector, portrait):
    dlib_detector.forget()
    (face,) = dlib_detector.detect(portrait)
    crop = aligned_crop(portrait, five_points(face.points_px))
    matrix = similarity(five_points(face.points_px) - 0.5, FIVE_POINTS)
    there = (face.points_px - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    assert np.linalg.norm(dlib_detector.in_crop(crop) - there, axis=1).mean() < 3


def test_two_faces_come_largest_first(dlib_detector, portrait):
    import cv2

    both = np.zeros((600, 900, 3), np.uint8)
    both[:300, :300] = portrait
    both[:, 300:] = cv2.resize(portrait, (600, 600))
    dlib_detector.forget()
    faces = dlib_detector.detect(both)
    assert len(faces) == 2
    assert faces[0].box[0] > 300 > faces[1].box[2]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AssetError) as error:
        DlibDetector()
    assert str(error.value) == "The package dlib is not installed. Run: pip install dlib-bin"


def test_fit_error_knows_a_face_from_a_heap():
    face = MEAN_FACE[:, :2] * [100, -100] + 250
    assert fit_error(face) < 0.01
    assert fit_error(np.random.default_rng(0).uniform(0, 300, (68, 2))) > 0.25
