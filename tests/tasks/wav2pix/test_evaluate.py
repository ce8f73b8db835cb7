"""The figures of drawn faces: what must be right is 1, what must be equal is 0."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.wav2pix.evaluate import Faces, diversity, fid, kid, shuffled, table
from tests.made_faces import draw_face, make_recogniser
from utils.faces.crops import FIVE_POINTS
from utils.faces.detector import Face
from utils.faces.recogniser import open_recogniser


class SeesEveryOther:
    """A detector that finds the face of every second picture, where drawn faces have it."""

    def __init__(self):
        self.calls = 0

    def forget(self):
        self.calls += 1

    def detect(self, picture):
        if self.calls % 2:
            return []
        five = (FIVE_POINTS + 0.5) * picture.shape[0] / 112
        points = np.zeros((68, 2))
        points[36:42], points[42:48], points[30], points[48], points[54] = five
        return [Face(points.astype(np.float32), (0.0, 0.0, 1.0, 1.0))]


def test_the_right_speaker_is_told_and_faces_are_counted(tmp_path):
    recogniser = open_recogniser(str(make_recogniser(tmp_path / "little.onnx")))
    labels = np.array([0, 1] * 4)
    some = {
        name: np.stack([draw_face(who, 10 * shift + i, 64) for i, who in enumerate(labels)])
        for shift, name in enumerate(("train", "real", "made"))
    }
    faces = Faces(some, dict.fromkeys(some, labels), recogniser, SeesEveryOther(), ("anna", "ben"))
    figures = faces.figures()
    assert figures["face_found_made"] == 0.5
    assert figures["right_speaker_real"] == 1
    assert figures["right_speaker_made"] == 1
    wrong = {**some, "made": some["made"][np.argsort(labels, kind="stable")[::-1]]}
    again = Faces(wrong, dict.fromkeys(some, labels), recogniser, SeesEveryOther()).figures()
    assert again["right_speaker_made"] == 0.5
    assert "kid" in figures
    assert "fid" not in figures
    assert figures["right_speaker_guessed"] == 0.5
    assert figures["intervals"]["right_speaker_made"] == pytest.approx((0.6756, 1.0), abs=1e-3)
    low, high = figures["intervals"]["cosine_with_real"]
    assert low <= figures["cosine_with_real"] <= high
    assert figures["cosine_with_real"] > figures["cosine_another_person"]
    assert "| face_found_made | 0.5000 | 0.2152 to 0.7848 |" in table(figures)
    assert faces.sheet().shape[1] > 8 * 144, "eight sounds beside each other"


def test_shuffled_pairs_are_of_two_speakers():
    labels = np.array([0, 0, 1, 2, 2])
    assert (labels[shuffled(labels)] != labels).all()
    assert len(shuffled(np.zeros(3, int))) == 0


def test_distances_between_sets():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4000, 4)), rng.normal((2, 0, 0, 0), 1, (4000, 4))
    assert fid(a, a) == pytest.approx(0, abs=1e-6)
    assert fid(a, b) == pytest.approx(4, abs=0.3)
    assert abs(kid(a[:500], a[500:1000])) < 0.1
    assert kid(a[:500], b[:500]) > 1


def test_pictures_that_are_all_one_have_no_diversity():
    faces = np.zeros((4, 8, 8, 3), np.uint8)
    labels = np.array([0, 0, 1, 1])
    assert diversity(faces, labels) == 0
    faces[1] = 10
    assert diversity(faces, labels) == pytest.approx(5)
