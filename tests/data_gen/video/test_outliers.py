"""What should not be in a dataset is found, and what people do is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.outliers import excursions, frames_told, odd_frames, pose_jumps, refuse_not_finite
from tests.data_gen.video.made_motion import make_motion
from tests.data_gen.video.test_landmarks import face_at


def test_speech_nods_and_blinks_are_no_excursions_and_no_jumps():
    for seed in range(3):
        motion = make_motion(300, noise_px=1.0, seed=seed)
        assert not excursions(motion.points_px, np.ones(300, bool)).any()
        assert len(pose_jumps(motion.world_from_camera)) == 0
    time = np.arange(100) / 25
    nod = np.stack([face_at(100, 100 + 0.4 * 40 * np.sin(2 * np.pi * 3 * t)).points_px for t in time])
    assert not excursions(nod, np.ones(100, bool)).any(), "a vigorous nod, three times a second"


def test_a_cut_is_no_excursion_and_no_jump():
    motion = make_motion(100)
    points = motion.points_px.copy()
    points[50:] += 150
    assert not excursions(points, np.ones(100, bool), [50]).any()
    assert not excursions(points, np.ones(100, bool)).any(), "nor is a cut that was not found: nothing comes back"
    poses = motion.world_from_camera.copy()
    turned = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    poses[50:, :3, :3] = turned @ poses[50:, :3, :3]
    poses[50:, :3, 3] = poses[50:, :3, 3] @ turned.T
    assert list(pose_jumps(poses, [50])) == []
    assert list(pose_jumps(poses)) == [50]


@pytest.mark.parametrize("degrees", [15, 40, 120])
def test_a_head_that_jumps_is_found_where_it_does(degrees):
    from utils.camera import rotation_matrix

    motion = make_motion(100)
    poses = motion.world_from_camera.astype(np.float64)
    turn = rotation_matrix(np.radians([0.0, float(degrees), 0.0]))
    poses[60:, :3, :3] = turn @ poses[60:, :3, :3]
    poses[60:, :3, 3] = poses[60:, :3, 3] @ turn.T
    assert list(pose_jumps(poses)) == [60]


def test_a_face_unlike_the_others_is_found():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(0, 0.5, (200, 68, 3))
    assert len(odd_frames(landmarks)) == 0
    landmarks[120] *= 40
    assert list(odd_frames(landmarks)) == [120]


def test_times_are_told_of_some_and_the_rest_counted():
    assert frames_told([25]) == "frame 25 (1.00 s)"
    assert frames_told(list(range(8)), 60).endswith("5 (60.20 s) and 2 more")
    refuse_not_finite({"x": np.arange(3), "y": np.zeros(3, np.float32)}, "here")
