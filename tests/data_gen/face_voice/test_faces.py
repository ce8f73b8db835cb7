"""Faces end up level, of one size, where the mean face is."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.face_voice.faces import align, find_face, mean_shape
from tests.made_persons import made_face
from utils.errors import DataError
from utils.faces.crops import similarity
from utils.faces.detector import Face, LandmarkDetector
from utils.media.pictures import read_photo


def turned(points, angle=0.3, scale=1.7, shift=(40, 25)):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return (points @ np.array([[c, s], [-s, c]]) + shift).astype(np.float32)


def test_a_similarity_is_found_exactly():
    points = mean_shape()
    matrix = similarity(turned(points), points)
    np.testing.assert_allclose(turned(points) @ matrix[:, :2].T + matrix[:, 2], points, atol=1e-3)


def test_an_aligned_face_keeps_its_picture_under_its_landmarks():
    import cv2

    picture, points = made_face(0.5)
    there = turned(points)
    c, s = 1.7 * np.cos(0.3), 1.7 * np.sin(0.3)
    matrix = np.array([[c, -s, 40 + 0.5 * (c - s) - 0.5], [s, c, 25 + 0.5 * (s + c) - 0.5]])
    photo = cv2.warpAffine(picture, matrix, (460, 460), borderMode=cv2.BORDER_REPLICATE)
    whole, again = align(picture, points), align(photo, there)
    assert again.picture.shape == (224, 224, 3)
    np.testing.assert_allclose(again.landmarks_px, whole.landmarks_px, atol=0.01)
    inside = np.s_[60:190, 50:170]
    assert np.abs(whole.picture[inside].astype(int) - again.picture[inside]).mean() < 3
    assert np.abs(whole.landmarks_px[17:] - mean_shape()[17:]).mean() < 3


class Fixed(LandmarkDetector):
    name = "fixed"

    def __init__(self, faces):
        self.faces = faces

    def detect(self, frame):
        return self.faces


def test_a_large_photograph_is_searched_small_and_cropped_large():
    picture = np.zeros((3000, 2000, 3), np.uint8)
    points = mean_shape() + 100
    crop = find_face(picture, Fixed([Face(points, (0, 0, 1, 1))]))
    assert np.abs(crop.landmarks_px - mean_shape()).max() < 0.1
    with pytest.raises(DataError, match="no face"):
        find_face(picture, Fixed([]))


def test_of_a_group_no_face_is_taken_for_one_persons():
    picture = np.zeros((300, 500, 3), np.uint8)
    faces = [Face(mean_shape() + shift, (shift, 0, shift + side, side)) for shift, side in ((0, 200), (250, 150))]
    with pytest.raises(DataError, match="2 faces in it, and which is this person's cannot be told; cut the others off"):
        find_face(picture, Fixed(faces), alone=True)
    assert find_face(picture, Fixed(faces)).picture.shape == (224, 224, 3)
    in_the_background = Face(faces[1].points_px, (250, 0, 290, 40))
    assert find_face(picture, Fixed([faces[0], in_the_background]), alone=True).picture.shape == (224, 224, 3)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    from PIL import Image

    picture = Image.fromarray(np.zeros((20, 40, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert read_photo(tmp_path / "a.jpg").shape == (40, 20, 3)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="is not a picture that can be read"):
        read_photo(tmp_path / "b.jpg")
    with pytest.raises(DataError, match="does not exist"):
        read_photo(tmp_path / "c.jpg")
