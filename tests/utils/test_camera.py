"""What `utils.camera` promises: hand-worked cases, round trips, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from utils import camera


def looking_from(distance: float) -> np.ndarray:
    """A camera in front of the face, on the z axis."""
    pose = np.eye(4)
    pose[2, 3] = distance
    return pose


def some_poses(count: int = 50, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rotation = camera.rotation_matrix(rng.normal(size=(count, 3)) * 0.3)
    return camera.make_transform(rotation, rng.normal(size=(count, 3)) + np.array([0, 0, 8]))


def test_projection_worked_by_hand():
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 5.0]])
    pixels = camera.project(points, looking_from(10), 100, 32, 24)
    np.testing.assert_allclose(pixels, [[32, 24], [42, 24], [32, 14], [32, 4]])


def test_a_head_that_turns_to_the_viewers_right_shows_its_nose_there():
    """World = head: the camera goes round to the head's other side."""
    turn = camera.rotation_matrix(np.array([0, 0.2, 0]))  # the head turns its nose (+z) towards +x
    head_in_camera = camera.make_transform(turn, np.array([0.0, 0, -8]))
    nose = camera.project(np.array([[0, 0, 0.6]]), camera.invert(head_in_camera), 500, 256, 256)
    assert nose[0, 0] > 256


def test_the_first_pixel_s_centre_is_at_a_half():
    grid = camera.pixel_grid(2, 3)
    np.testing.assert_array_equal(grid[0, 0], [0.5, 0.5])
    np.testing.assert_array_equal(grid[1, 2], [2.5, 1.5])


def test_rays_go_back_through_the_points_they_came_from():
    pose, points = some_poses(5), np.random.default_rng(1).normal(size=(5, 7, 3))
    pixels = camera.project(points, pose, 300, 128, 128)
    origins, directions = camera.rays(pixels, pose, 300, 128, 128)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1)
    along = np.linalg.norm(points - origins, axis=-1, keepdims=True)
    np.testing.assert_allclose(origins + along * directions, points, atol=1e-9)


def test_torch_gives_what_numpy_gives_and_its_gradient_is_right():
    pose, points = some_poses(2), np.random.default_rng(1).normal(size=(2, 4, 3))
    pixels = camera.project(torch.tensor(points), torch.tensor(pose), 300.0, 128, 128)
    np.testing.assert_allclose(pixels.numpy(), camera.project(points, pose, 300.0, 128, 128))
    given = torch.tensor(points, requires_grad=True), torch.tensor(pose, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, c: camera.project(p, c, 300.0, 128, 128), given)
    _, directions = camera.rays(pixels, torch.tensor(pose), 300.0, 128, 128)
    assert directions.shape == (2, 4, 3)
    assert torch.allclose(camera.invert(torch.tensor(pose)) @ torch.tensor(pose), torch.eye(4).double())


def test_inverse_and_composition():
    pose = some_poses()
    np.testing.assert_allclose(camera.invert(pose), np.linalg.inv(pose), atol=1e-12)
    np.testing.assert_allclose(camera.compose(pose, camera.invert(pose)), np.tile(np.eye(4), (50, 1, 1)), atol=1e-12)


def test_a_quarter_turn_about_each_axis():
    quarter = camera.rotation_matrix(np.eye(3) * np.pi / 2)
    np.testing.assert_allclose(quarter[0] @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(quarter[1] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(quarter[2] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_rotation_vectors_go_there_and_back_even_at_nothing_and_near_half_a_turn():
    rng = np.random.default_rng(0)
    axis = rng.normal(size=(200, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.concatenate([[0, 1e-9, 1e-5, np.pi - 1e-5, np.pi - 1e-9], rng.uniform(0, np.pi, 195)])
    vectors = axis * angle[:, None]
    np.testing.assert_allclose(camera.rotation_vector(camera.rotation_matrix(vectors)), vectors, atol=1e-7)
    matrices = camera.rotation_matrix(vectors)
    np.testing.assert_allclose(camera.rotation_angle(matrices[:1], matrices), angle, atol=1e-7)


def rodrigues(vector: np.ndarray) -> np.ndarray:
    """Turn one rotation vector into a matrix by the formula."""
    angle = np.linalg.norm(vector)
    cross = camera.cross_matrix(vector / angle)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (7, 3), (2, 4, 3), (0, 3)])
def test_rotations_keep_batch_and_precision_and_follow_rodrigues_formula(shape, dtype):
    vectors = np.random.default_rng(0).normal(size=shape).astype(dtype)
    matrices = camera.rotation_matrix(vectors)
    assert (matrices.dtype, matrices.shape) == (dtype, (*shape, 3))
    wanted = [rodrigues(vector) for vector in vectors.reshape(-1, 3).astype(np.float64)]
    np.testing.assert_allclose(matrices, np.reshape(wanted, (*shape, 3)), atol=1e-6)
    again = camera.rotation_vector(matrices)
    assert (again.dtype, again.shape) == (dtype, shape)
    np.testing.assert_allclose(again, vectors, atol=1e-6)


def test_the_nearest_rotation_is_never_a_reflection():
    near = camera.nearest_rotation(np.random.default_rng(0).normal(size=(20, 3, 3)))
    np.testing.assert_allclose(np.linalg.det(near), 1)
    turn = camera.rotation_matrix(np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(camera.nearest_rotation(3 * turn), turn)


def test_smoothing_a_path_steadies_it_within_shots_and_leaves_a_still_one():
    still = np.repeat(some_poses(1), 9, axis=0)
    np.testing.assert_allclose(camera.smooth_path(still, 5), still, atol=1e-12)
    two = np.concatenate([still, np.repeat(some_poses(1, seed=3), 9, axis=0)])
    np.testing.assert_allclose(camera.smooth_path(two, 7, cuts=[9]), two, atol=1e-12)
    assert not np.allclose(camera.smooth_path(two, 7), two)
    noise = camera.make_transform(
        camera.rotation_matrix(0.01 * np.random.default_rng(0).normal(size=(9, 3))), np.zeros((9, 3))
    )
    shaky = still @ noise
    smooth = camera.smooth_path(shaky, 9)
    angle = camera.rotation_angle(still[4, :3, :3], smooth[4, :3, :3])
    assert angle < 0.6 * camera.rotation_angle(still[0, :3, :3], shaky[:, :3, :3]).mean()
    with pytest.raises(ValueError, match="window must be at least 1 frame, not 0"):
        camera.smooth_path(still, 0)


def test_smoothing_keeps_a_turning_head_where_it_is_in_the_picture():
    yaw = np.linspace(-0.4, 0.4, 21)[:, None] * [0, 1, 0]
    path = camera.invert(camera.make_transform(camera.rotation_matrix(yaw), np.array([0.0, 0, -8])))
    smooth = camera.smooth_path(path, 11)
    np.testing.assert_allclose(camera.invert(smooth)[:, :3, 3], np.tile([0.0, 0, -8], (21, 1)), atol=1e-9)


def test_a_camera_path_is_averaged_as_geneface_averages_it():
    path = some_poses(9)
    smooth = camera.smooth_camera(path, 4)
    for frame in range(9):
        near = path[max(0, frame - 2) : frame + 3]
        np.testing.assert_allclose(smooth[frame, :3, 3], near[:, :3, 3].mean(0), atol=1e-12)
        np.testing.assert_allclose(
            smooth[frame, :3, :3], Rotation.from_matrix(near[:, :3, :3]).mean().as_matrix(), atol=1e-9
        )
    assert not np.allclose(smooth, camera.smooth_path(path, 4), atol=1e-3)


def test_a_path_plays_forth_and_back():
    np.testing.assert_array_equal(camera.loop_indices(7, 3), [0, 1, 2, 1, 0, 1, 2])
    np.testing.assert_array_equal(camera.loop_indices(3, 1), [0, 0, 0])
    np.testing.assert_array_equal(camera.loop_indices(3, 3, start=3), [1, 0, 1])
    with pytest.raises(ValueError, match="at least one frame"):
        camera.loop_indices(3, 0)
