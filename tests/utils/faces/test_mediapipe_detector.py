"""The MediaPipe detector agrees with dlib."""

from __future__ import annotations

import numpy as np

from utils.faces.detectors import make_detector
from utils.faces.landmarks import eye_distance
from utils.faces.mediapipe_detector import from_mesh


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


def test_the_mesh_is_reduced_to_68_points_by_weights_that_sum_to_one():
    ones = from_mesh(np.ones((478, 3)))
    np.testing.assert_allclose(ones, 1)
    assert ones.shape == (68, 3)
