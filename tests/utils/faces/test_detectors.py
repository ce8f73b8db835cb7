"""What `utils.faces.detector` promises, on the portrait that scikit-image brings."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from utils.errors import AssetError, ConfigError
from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector
from utils.faces.dlib_detector import DlibDetector, fit_error
from utils.faces.landmarks import MEAN_FACE, eye_distance
from utils.faces.mediapipe_detector import from_mesh


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:300, 80:380])


@pytest.fixture(scope="module")
def dlib_detector() -> LandmarkDetector:
    return make_detector("dlib")


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


def test_two_faces_come_largest_first(dlib_detector, portrait):
    import cv2

    both = np.zeros((600, 900, 3), np.uint8)
    both[:300, :300] = portrait
    both[:, 300:] = cv2.resize(portrait, (600, 600))
    dlib_detector.forget()
    faces = dlib_detector.detect(both)
    assert len(faces) == 2
    assert faces[0].box[0] > 300 > faces[1].box[2]


def test_mediapipe_agrees_with_dlib(shared_assets, dlib_detector, portrait):
    with make_detector("mediapipe") as detector:
        (face,) = detector.detect(portrait)
        assert detector.detect(np.zeros_like(portrait)) == []
    dlib_detector.forget()
    (other,) = dlib_detector.detect(portrait)
    distance = np.linalg.norm(face.points_px - other.points_px, axis=1) / eye_distance(other.points_px)
    assert distance.mean() < 0.08
    assert face.blendshapes is not None
    assert face.blendshapes.shape == (52,)


def test_auto_takes_dlib_when_mediapipes_weights_are_not_here(monkeypatch):
    monkeypatch.setattr("utils.assets.find_asset", lambda name: None)
    assert make_detector("auto").name == "dlib"


def test_a_typo_is_named():
    with pytest.raises(ConfigError) as error:
        make_detector("mediapip")
    assert str(error.value) == (
        "No landmark detector is called 'mediapip'. Did you mean 'mediapipe'? "
        "Known: auto, mediapipe, face_alignment, dlib."
    )


def test_missing_networks_are_named_with_their_place(monkeypatch, tmp_path: Path):
    pytest.importorskip("face_alignment")
    import torch

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(AssetError, match=r"face_alignment needs 2DFAN4-.* and s3fd-.* in .*checkpoints. Fetch them"):
        make_detector("face_alignment")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AssetError) as error:
        DlibDetector()
    assert str(error.value) == "The package dlib is not installed. Run: pip install dlib-bin"


def test_the_mesh_is_reduced_to_68_points_by_weights_that_sum_to_one():
    ones = from_mesh(np.ones((478, 3)))
    np.testing.assert_allclose(ones, 1)
    assert ones.shape == (68, 3)


def test_fit_error_knows_a_face_from_a_heap():
    face = MEAN_FACE[:, :2] * [100, -100] + 250
    assert fit_error(face) < 0.01
    assert fit_error(np.random.default_rng(0).uniform(0, 300, (68, 2))) > 0.25


def test_importing_is_light():
    import subprocess

    code = "import sys, utils.faces.detector; print({'dlib', 'mediapipe', 'cv2', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
