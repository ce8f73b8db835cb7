"""What `photometric` promises, on a picture of noise that moves as a head with a flat face would."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_gen.video.pose.photometric import refine_pose, steady_out_of_plane
from data_gen.video.pose.tracking import CameraFit
from utils.camera import compose, invert, make_transform, project, rotation_matrix
from utils.errors import DataError
from utils.faces.landmarks import MEAN_FACE, from_offsets, to_offsets
from utils.shots import smooth_over_time

SIZE, FRAMES, FOCAL = 160, 30, 240.0


def flat_face() -> np.ndarray:
    """Return the mean face pressed onto the plane z = 0.2."""
    face = MEAN_FACE.copy()
    face[:, 2] = 0.2
    return face


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray, CameraFit]:
    """Frames (T, H, W, 3), true poses, and a fit with poses that tremble."""
    rng = np.random.default_rng(0)
    t = np.arange(FRAMES) / 25
    turn = np.stack([0.04 * np.sin(4 * t), 0.06 * np.sin(3 * t), 0.02 * np.cos(5 * t)], axis=1)
    place = np.stack([0.1 * np.sin(2 * t), 0.3 + 0.05 * np.cos(3 * t), -5 + 0 * t], axis=1)
    head = make_transform(rotation_matrix(turn), place)
    true = invert(head)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (400, 400)).astype(np.float32), (0, 0), 4)
    texture = np.clip((texture - texture.mean()) * 6 + 128, 0, 255).astype(np.uint8)
    corners = np.array([[-2, 1.5, 0.2], [2, 1.5, 0.2], [2, -2.5, 0.2], [-2, -2.5, 0.2]])
    frames = []
    for pose in true:
        seen = project(corners, pose, FOCAL, SIZE / 2, SIZE / 2) - 0.5
        lay = cv2.getPerspectiveTransform(
            np.array([[0, 0], [399, 0], [399, 399], [0, 399]], np.float32), seen.astype(np.float32)
        )
        frames.append(np.repeat(cv2.warpPerspective(texture, lay, (SIZE, SIZE))[..., None], 3, axis=2))
    shake = make_transform(
        rotation_matrix(smooth_over_time(rng.normal(size=(FRAMES, 3)), 0.7) * 0.004),
        smooth_over_time(rng.normal(size=(FRAMES, 3)), 0.7) * 0.008 * [1, 1, 0],
    )
    poses = invert(compose(shake, head))
    landmarks = np.repeat(to_offsets(flat_face())[None], FRAMES, axis=0)
    fit = CameraFit(
        poses.astype(np.float32), FOCAL, landmarks, flat_face(), np.zeros(FRAMES, np.float32), (0, 0), SIZE, SIZE
    )
    return np.stack(frames), true, fit


def path_error(poses: np.ndarray, true: np.ndarray) -> float:
    """Return how far the projected face is from where it was, its constant part apart: RMS pixels."""
    face = flat_face()[27:48]
    error = project(face, poses, FOCAL, SIZE / 2, SIZE / 2) - project(face, true, FOCAL, SIZE / 2, SIZE / 2)
    return float(np.sqrt(((error - error.mean(axis=0)) ** 2).sum(-1).mean()))


def test_trembling_poses_are_steadied(scene):
    frames, true, fit = scene
    refined = refine_pose(frames, fit)
    assert path_error(refined.world_from_camera, true) < 0.4 * path_error(fit.world_from_camera, true)
    assert refined.patch_jitter_px is not None
    before, after = refined.patch_jitter_px
    assert after < 0.5 * before


def test_what_lies_out_of_the_picture_plane_comes_from_the_landmarks(scene):
    frames, _, fit = scene
    before = invert(steady_out_of_plane(fit.world_from_camera))
    after = invert(refine_pose(frames, fit).world_from_camera)
    np.testing.assert_allclose(after[:, 2, 3], before[:, 2, 3], atol=1e-4)  # depth
    np.testing.assert_allclose(after[:, 2, :3], before[:, 2, :3], atol=1e-5)  # the line of sight, seen by the head
    assert np.abs(after[:, :2, 3] - before[:, :2, 3]).max() > 0.003


def test_tilt_and_depth_are_steadied_and_a_nod_stays():
    rng = np.random.default_rng(0)
    t = np.arange(200) / 25
    nod = np.stack([0.05 * np.sin(2.5 * t), 0 * t, 0.3 * np.sin(t)], axis=1)
    place = np.stack([0.2 * np.sin(t), 0.1 + 0 * t, -9 + 0.1 * np.sin(2 * t)], axis=1)
    true = make_transform(rotation_matrix(nod), place)
    shaken = make_transform(
        rotation_matrix(0.004 * rng.normal(size=(200, 3)) * [1, 1, 0]) @ true[:, :3, :3],
        place * (1 + 0.004 * rng.normal(size=(200, 1))),
    )
    steady = invert(steady_out_of_plane(invert(shaken)))

    def error(poses):
        return np.abs(poses[:, 2] - true[:, 2]).mean(axis=0)

    assert (error(steady)[[0, 1, 3]] < 0.65 * error(shaken)[[0, 1, 3]]).all()
    seen = place[:, :2] / place[:, 2:]
    np.testing.assert_allclose(steady[:, :2, 3] / steady[:, 2:3, 3], seen, atol=1e-9)
    np.testing.assert_allclose(
        steady[:, :3, :3] @ np.swapaxes(steady[:, :3, :3], 1, 2), np.tile(np.eye(3), (200, 1, 1)), atol=1e-9
    )
    cut = steady_out_of_plane(invert(np.concatenate([true, true[::-1]])), cuts=[200])
    alone = steady_out_of_plane(invert(true))
    np.testing.assert_allclose(cut[:200], alone, atol=1e-12)


def test_landmarks_still_fall_on_the_same_points(scene):
    frames, _, fit = scene
    refined = refine_pose(frames, fit, rounds=1)
    before = fit.project(from_offsets(fit.landmarks))
    np.testing.assert_allclose(refined.project(from_offsets(refined.landmarks)), before, atol=0.01)


def test_a_picture_that_says_nothing_changes_nothing(scene):
    frames, _, fit = scene
    grey = np.full_like(frames, 127)
    refined = refine_pose(grey, fit).world_from_camera
    np.testing.assert_allclose(refined, steady_out_of_plane(fit.world_from_camera), atol=1e-6)


def test_frames_that_do_not_belong_to_the_fit_are_refused(scene):
    frames, _, fit = scene
    with pytest.raises(DataError, match="the camera was found in 30 frames of 160x160"):
        refine_pose(frames[:-1], fit)
    with pytest.raises(DataError, match="the camera was found in 30 frames of 160x160"):
        refine_pose(frames[:, :100], fit)


def test_progress_is_told(scene):
    frames, _, fit = scene
    told: list[int] = []
    refine_pose(frames, fit, rounds=1, on_frame=told.append)
    assert told == list(range(1, 2 * FRAMES + 1))


def test_a_real_speaker_is_tracked_within_half_a_pixel(shared_data):
    from data_gen.video.landmarks import track_landmarks
    from data_gen.video.pose.tracking import fit_camera
    from utils.faces.detectors import make_detector

    video = cv2.VideoCapture(str(shared_data / "video" / "edtalk_obama_20s_resynced.mp4"))
    frames = np.stack([video.read()[1][..., ::-1] for _ in range(60)])
    with make_detector("dlib") as detector:
        track = track_landmarks(frames, detector)
    fit = fit_camera(track.points_px, track.found, *frames.shape[1:3])
    assert fit.reprojection_px.mean() < 0.5
    refined = refine_pose(frames, fit)
    assert refined.patch_shift_px is not None
    assert refined.patch_shift_px[1] < 0.4 * refined.patch_shift_px[0]
