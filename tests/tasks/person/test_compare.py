"""Points found in pictures are lifted back to landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.person.compare import lift
from utils.camera import make_transform, project, rotation_matrix
from utils.faces.landmarks import MEAN_FACE, from_offsets


def test_points_found_in_a_picture_are_lifted_back_to_their_landmarks():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(size=(4, 68, 3)).astype(np.float32)
    rotation = rotation_matrix(rng.normal(size=(4, 3)) * 0.2)
    poses = make_transform(rotation, (rotation @ np.array([0.1, -0.3, 7.0])[:, None])[..., 0]).astype(np.float32)
    pixels = project(from_offsets(landmarks), poses, 300.0, 64.0, 48.0)
    back = lift(pixels, from_offsets(landmarks), poses, 300.0, (96, 128))
    np.testing.assert_allclose(back, landmarks, atol=1e-3)


def test_a_mouth_that_differs_from_its_drive_is_measured_as_it_looks():
    drive = np.broadcast_to(MEAN_FACE, (1, 68, 3)).astype(np.float32)
    poses = make_transform(np.eye(3)[None], np.array([[0.0, 0.0, 7.0]])).astype(np.float32)
    seen = drive.copy()
    seen[0, 66, 1] -= 0.2
    back = lift(project(seen, poses, 300.0, 50.0, 50.0), drive, poses, 300.0, (100, 100))
    assert back[0, 66, 1] == pytest.approx(-2.0, abs=1e-3)
    assert abs(back[0, 62]).max() < 1e-3
