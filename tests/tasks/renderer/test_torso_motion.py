"""The code of the shoulders: it says where they are, and can be guessed from a pose it follows."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np

from tasks.renderer.torso_motion import from_pose, shoulder_motion


def footage(shift: np.ndarray, side: int = 96):
    """Draw shoulders with a bright collar that move sideways by `shift` pixels before a wall; a head hides the top."""
    count = len(shift)
    yy, xx = np.mgrid[0:side, 0:side].astype(np.float32)
    frames = np.full((count, side, side, 3), 90, np.uint8)
    torso, head = np.zeros((count, side, side), np.uint8), np.zeros((count, side, side), np.uint8)
    for i, by in enumerate(shift):
        body = (yy > 50) & (np.abs(xx - side / 2 - by) < 35)
        soft = np.clip(6 - np.abs(xx - side / 2 - by), 0, 1)[..., None]
        frames[i][body] = 30
        frames[i] = np.where(body[..., None], frames[i] * (1 - soft) + 240 * soft, frames[i]).astype(np.uint8)
        torso[i][body], head[i][yy < 55] = 255, 255
    video = MagicMock(torso_frames=frames, torso_mask=torso, head_mask=head)
    video.__len__.return_value = count
    video.frame_ids.return_value = np.arange(count - 10)
    return SimpleNamespace(video=video)


def test_the_first_component_is_where_the_shoulders_are():
    shift = 4 * np.sin(np.arange(60) / 5)
    motion = shoulder_motion(footage(shift), 3)
    assert motion.shape == (60, 3)
    assert motion.dtype == np.float32
    assert abs(np.corrcoef(motion[:50, 0], shift[:50])[0, 1]) > 0.97
    assert abs(np.corrcoef(motion[50:, 0], shift[50:])[0, 1]) > 0.97, "frames that it was not fitted on"
    assert np.allclose(motion[:50, 0].std(), 1, atol=0.05)


def test_shoulders_that_never_move_have_nothing_to_tell():
    assert not shoulder_motion(footage(np.zeros(30)), 4).any()


def test_a_code_that_follows_the_pose_is_guessed_from_it():
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(200, 12)).astype(np.float32)
    motion = (poses @ rng.normal(size=(12, 2)) + 0.5).astype(np.float32)
    guess = np.concatenate([poses, np.ones((200, 1))], axis=1) @ from_pose(motion, poses, ridge=1e-4)
    assert np.abs(guess - motion).max() < 0.02
