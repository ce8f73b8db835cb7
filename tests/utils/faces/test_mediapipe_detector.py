"""The MediaPipe detector agrees with dlib."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

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


def test_several_threads_detect_at_once_and_find_the_same(shared_assets, portrait):
    with make_detector("mediapipe") as detector:
        assert detector.threads
        alone = detector.detect(portrait)[0].points_px
        with ThreadPoolExecutor(3) as pool:
            together = list(pool.map(detector.detect, [portrait] * 6))
    for (face,) in together:
        np.testing.assert_array_equal(face.points_px, alone)
    with pytest.raises(RuntimeError, match="closed"):
        detector.detect(portrait)


def test_the_mesh_is_reduced_to_68_points_by_weights_that_sum_to_one():
    ones = from_mesh(np.ones((478, 3)))
    np.testing.assert_allclose(ones, 1)
    assert ones.shape == (68, 3)
