"""What the bundle adjustment promises: right derivatives, and a choice of frame that moves no pixel."""

from __future__ import annotations

import numpy as np

from data_gen.video.pose.bundle_adjustment import (
    RIGID_POINTS,
    FaceModel,
    HeadFrames,
    camera_points,
    fix_gauge,
    image_of,
    pose_motion,
)
from utils.camera import rotation_matrix
from utils.faces.landmarks import MEAN_FACE


def test_the_image_s_jacobian_is_its_derivative():
    points = np.random.default_rng(0).normal(size=(6, 3)) + np.array([0, 0, -8])
    _, jacobian = image_of(points, 300.0, (128, 128))
    for axis in range(3):
        step = 1e-6 * np.eye(3)[axis]
        slope = (image_of(points + step, 300.0, (128, 128))[0] - image_of(points - step, 300.0, (128, 128))[0]) / 2e-6
        np.testing.assert_allclose(jacobian[..., axis], slope, rtol=1e-5, atol=1e-5)


def test_pose_motion_is_the_derivative_of_turning_and_shifting():
    turned = np.random.default_rng(0).normal(size=(5, 3))
    step = 1e-6 * np.array([0.3, -0.5, 0.2, 0.7, 0.1, -0.4])
    moved = turned @ rotation_matrix(step[:3]).T + step[3:]
    np.testing.assert_allclose(pose_motion(turned) @ step, moved - turned, atol=1e-10)


def test_fixing_the_gauge_moves_no_pixel_and_fits_the_mean_face():
    rng = np.random.default_rng(0)
    neutral = 1.3 * MEAN_FACE @ rotation_matrix(np.array([0.1, 0.2, 0.0])).T + np.array([0.2, 0, 0.1])
    model = FaceModel(neutral + 0.01 * rng.normal(size=(68, 3)), 0.05 * rng.normal(size=(2, 68, 3)), 700.0)
    state = HeadFrames(
        rotation_matrix(0.2 * rng.normal(size=(4, 3))),
        rng.normal(size=(4, 3)) + np.array([0, 0, -9]),
        rng.normal(size=(4, 2)),
    )
    before, _ = image_of(camera_points(model, state)[1], 700.0, (256, 256))
    model, state = fix_gauge(model, state)
    after, _ = image_of(camera_points(model, state)[1], 700.0, (256, 256))
    np.testing.assert_allclose(after, before, atol=1e-8)
    assert np.abs(model.neutral - MEAN_FACE)[RIGID_POINTS].mean() < 0.01
