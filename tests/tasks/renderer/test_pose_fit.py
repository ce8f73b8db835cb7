"""Poses come to lie where the picture says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.renderer import pose_fit
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tasks.renderer.pose_fit import CENTRE, fit_poses, rigid_surface, step_towards, ways
from tasks.speaking.frames import video_of
from tests.tasks.renderer.small import settings
from utils.camera import make_transform, pixel_grid, project, rays, rotation_matrix

SIZE, FOCAL = 96, 180.0
CAMERA = make_transform(np.eye(3), np.array([0.0, 0.0, 8.0]))
RADII = np.array([1.3, 1.8, 1.2])


def ball(camera):
    """Draw an ellipsoid with a pattern, seen from a camera (4, 4): a picture (SIZE, SIZE, 3), and its points."""
    origins, directions = rays(pixel_grid(SIZE, SIZE).reshape(-1, 2).astype(float), camera, FOCAL, SIZE / 2, SIZE / 2)
    start, way = origins / RADII, directions / RADII
    a, b, c = (way**2).sum(1), (start * way).sum(1), (start**2).sum(1) - 1
    inside = b**2 - a * c
    hit = inside > 0
    points = origins + directions * ((-b - np.sqrt(np.maximum(inside, 0))) / a)[:, None]
    waves = np.stack([np.sin(3 * points[:, k] + points[:, (k + 1) % 3] * 2) for k in range(3)], axis=1)
    picture = np.where(hit[:, None], 128 + 70 * waves, 30).round().astype(np.uint8)
    return picture.reshape(SIZE, SIZE, 3), points[hit]


def put_right(camera, error):
    """Return the camera as `VideoDataset.put_right` does."""
    return make_transform(rotation_matrix(error[:3]), error[3:]) @ camera


@pytest.mark.parametrize(("way", "amount"), [(0, 0.03), (1, -0.03), (2, 0.06)])
def test_steps_find_pitch_yaw_and_depth(way, amount, monkeypatch):
    monkeypatch.setattr(pose_fit, "SPREAD", 10 * pose_fit.SPREAD)  # what is believed beforehand pulls back
    truth = amount * ways(CAMERA)[:, way]
    filmed = ball(put_right(CAMERA, truth))[0]
    error = np.zeros(6)
    for _ in range(4):
        camera = put_right(CAMERA, error)
        picture, points = ball(camera)
        error = error + step_towards(picture, filmed, points, camera, FOCAL, error)
    np.testing.assert_allclose(error, truth, atol=0.006)


def test_the_middle_of_the_face_stays_where_it_is_seen():
    before = project(CENTRE[None], CAMERA, FOCAL, 48, 48)
    for way in ways(CAMERA).T:
        after = project(CENTRE[None], put_right(CAMERA, 0.02 * way), FOCAL, 48, 48)
        np.testing.assert_allclose(after, before, atol=0.02)


def test_a_picture_that_lies_right_is_left_and_a_large_error_not_believed():
    picture, points = ball(CAMERA)
    assert np.abs(step_towards(picture, picture, points, CAMERA, FOCAL, np.zeros(6))).max() < 1e-9
    blank, large = np.full_like(picture, 90), ways(CAMERA) @ np.full(3, 0.2)
    np.testing.assert_allclose(step_towards(blank, blank, points, CAMERA, FOCAL, large), -large, atol=1e-6)
    aside = points + np.array([50.0, 0, 0])
    assert not step_towards(picture, picture, aside, CAMERA, FOCAL, np.zeros(6)).any()


def test_what_was_found_holds_for_the_video_and_for_batches_that_were_made_before(video):
    task = Lm3dNerfTask(settings(video, fit_poses=True))
    task.prepare()
    raw = task.footage.cameras.copy()
    batch = task.train_source().batch(np.random.default_rng(0))
    task.model.scene.pose_errors[:, 5] = 0.5
    task.put_right(task.footage)
    moved = raw + np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0.5], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(task.footage.cameras, moved, atol=1e-5)
    np.testing.assert_array_equal(video_of(task).world_from_camera, task.footage.cameras)
    frame = int(batch.frame_ids[0])
    np.testing.assert_allclose(task._as_found(batch).world_from_camera[0], moved[frame], atol=1e-5)
    other = Lm3dNerfTask(settings(video, fit_poses=True))
    other.prepare()  # as before a run goes on
    other.load_state_dict(task.state_dict())
    np.testing.assert_allclose(other.footage.cameras, moved, atol=1e-5)


def test_all_frames_get_errors_whose_mean_is_nothing(video, monkeypatch):
    task = Lm3dNerfTask(settings(video, fit_poses=True))
    task.prepare()
    with torch.no_grad():
        task.model.head.grid.fill_(1.5)  # something to be seen
    task.eval()
    assert len(rigid_surface(task)) > 50
    asked = []
    monkeypatch.setattr(pose_fit, "step_towards", lambda *seen: asked.append(1) or np.full(6, 0.001 * len(asked)))
    errors = fit_poses(task)
    assert errors.shape == (len(task.footage.cameras), 6)
    assert len(asked) <= 2 + len(errors) // pose_fit.STRIDE + 2 * len(task.footage.video.meta.cuts)
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=1e-6)
    assert (np.diff(errors[:, 0]) > 0).mean() > 0.9  # between two that are fitted lies what is between them
