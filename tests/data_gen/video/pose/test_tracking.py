"""What `data_gen.video.pose.tracking` promises, against a made head motion with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.pose.bundle_adjustment import RIGID_POINTS
from data_gen.video.pose.tracking import CameraFit, fit_camera
from tests.data_gen.video.made_motion import SIZE, Motion, make_motion
from utils.camera import rotation_angle
from utils.errors import DataError
from utils.faces.landmarks import MEAN_FACE, from_offsets, mouth_opening


@pytest.fixture(scope="module")
def motion() -> Motion:
    return make_motion()


@pytest.fixture(scope="module")
def fit(motion: Motion) -> CameraFit:
    return fit_camera(motion.points_px, np.ones(len(motion.points_px), bool), SIZE, SIZE)


def turning_error(fit: CameraFit, motion: Motion) -> np.ndarray:
    """Return the angle (T,) in degrees between the turns found and true, each from its own first frame."""
    found, true = fit.world_from_camera[:, :3, :3], motion.world_from_camera[:, :3, :3]
    # The head frame of a person unlike the mean face is a matter of definition: take out the constant between them.
    relative = found @ np.swapaxes(true, 1, 2)
    u, _, vt = np.linalg.svd(relative.mean(axis=0))
    return np.rad2deg(rotation_angle(np.broadcast_to(u @ vt, relative.shape), relative))


def test_the_turning_of_the_head_is_found(fit, motion):
    error = turning_error(fit, motion)
    assert error.mean() < 0.8
    assert error.max() < 1.5


def test_the_mouth_s_motion_is_found(fit, motion):
    opening = mouth_opening(fit.landmarks)
    assert np.corrcoef(opening, motion.opening)[0, 1] > 0.98
    gain = np.polyfit(motion.opening * 10, opening, 1)[0]
    assert 0.85 < gain < 1.15


def test_landmarks_fall_on_the_detected_points(fit, motion):
    seen = fit.project(from_offsets(fit.landmarks))
    np.testing.assert_allclose(seen, motion.points_px, atol=0.01)
    assert fit.reprojection_px.shape == (len(motion.points_px),)
    assert fit.reprojection_px.mean() < 0.6


def test_the_rigid_points_stay_put_in_the_head_frame(fit):
    wander = (fit.landmarks / 10)[:, RIGID_POINTS].std(axis=0)
    assert wander.mean() < 0.012  # the noise is about 0.005 eye distances


def test_the_neutral_face_is_the_person_with_closed_lips_at_unit_scale(fit, motion):
    spread = np.linalg.norm(fit.neutral[RIGID_POINTS] - fit.neutral[RIGID_POINTS].mean(0))
    expected = np.linalg.norm(MEAN_FACE[RIGID_POINTS] - MEAN_FACE[RIGID_POINTS].mean(0))
    assert spread == pytest.approx(expected, rel=0.03)
    closed = mouth_opening(fit.landmarks).min()
    at_rest = mouth_opening(10 * (fit.neutral - MEAN_FACE)[None])[0]
    assert at_rest < closed + 0.5
    truth = motion.faces[motion.opening.argmin()]
    across = np.abs((fit.neutral - truth)[17:, :2])
    assert across.mean() < 0.05


def test_shapes_and_dtypes(fit, motion):
    count = len(motion.points_px)
    assert fit.world_from_camera.shape == (count, 4, 4)
    assert fit.landmarks.shape == (count, 68, 3)
    assert fit.neutral.shape == (68, 3)
    assert {a.dtype for a in (fit.world_from_camera, fit.landmarks, fit.neutral)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(np.linalg.det(fit.world_from_camera[:, :3, :3]), 1, atol=1e-4)


def test_wild_points_in_some_frames_do_not_spoil_the_others(motion):
    spoilt = motion.points_px.copy()
    rng = np.random.default_rng(3)
    hit = rng.choice(len(spoilt), 20, replace=False)
    spoilt[hit[:, None], rng.integers(17, 48, (20, 4))] += rng.normal(scale=40, size=(20, 4, 2))
    fit = fit_camera(spoilt, np.ones(len(spoilt), bool), SIZE, SIZE, key_frames=100)
    assert turning_error(fit, motion).mean() < 1.0


def test_frames_that_were_not_found_shape_nothing(motion):
    lost = motion.points_px.copy()
    found = np.ones(len(lost), bool)
    found[50:56] = False
    lost[50:56] = 256 + 3 * (lost[50:56] - 256)
    fit = fit_camera(lost, found, SIZE, SIZE, key_frames=100)
    assert turning_error(fit, motion)[found].mean() < 1.0
    assert np.isfinite(fit.landmarks).all()


def test_one_frame_is_enough_to_place_the_mean_face(motion):
    fit = fit_camera(motion.points_px[:1], np.ones(1, bool), SIZE, SIZE)
    assert np.isfinite(fit.landmarks).all()
    assert fit.reprojection_px[0] < 3


def test_unusable_points_are_refused(motion):
    with pytest.raises(DataError, match="no frame shows a face"):
        fit_camera(motion.points_px, np.zeros(len(motion.points_px), bool), SIZE, SIZE)
    broken = motion.points_px.copy()
    broken[3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        fit_camera(broken, np.ones(len(broken), bool), SIZE, SIZE)
