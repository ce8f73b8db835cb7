"""Where the head is: from the footage, from a file, forth and back, or still."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.head_pose import HeadMotion, read_poses, usual_pose
from tasks.speaking.settings import InferSettings, PoseSettings
from tests.made import make_video_dataset
from utils.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video_dataset(tmp_path_factory.mktemp("data") / "made", frames=40, size=32)


def test_poses_play_forth_and_back_within_the_longest_shot(video):
    motion = HeadMotion(video, PoseSettings())
    moment = motion.frames(0, 100)
    start, stop = max(video.shots("all"), key=lambda s: s[1] - s[0])
    assert len(moment.frame_ids) == len(moment.world_from_camera) == 100
    assert moment.frame_ids.min() == start
    assert moment.frame_ids.max() == stop - 1
    assert set(np.abs(np.diff(moment.frame_ids))) == {1}
    np.testing.assert_array_equal(moment.frame_ids, moment.eye_ids)
    np.testing.assert_allclose(np.linalg.det(moment.world_from_camera[:, :3, :3]), 1, atol=1e-4)


def test_any_stretch_is_that_of_the_whole(video):
    motion = HeadMotion(video, PoseSettings())
    whole = motion.frames(0, 100)
    for part, all_of_it in zip(motion.frames(37, 61)[:3], whole[:3], strict=True):
        np.testing.assert_array_equal(part, all_of_it[37:61])


def test_a_portrait_goes_on_without_a_jump_within_the_shot_and_hears(tmp_path, monkeypatch):
    video = make_video_dataset(tmp_path / "made", frames=200, size=32)
    rests = np.repeat(np.float32([0, 1, 0]), [40, 30, 130])
    monkeypatch.setattr("tasks.speaking.head_pose.silence_weight", lambda *_: rests)
    silence = np.repeat(np.float32([1, 0]), [20, 130])
    moments = []
    for settings in (InferSettings(), InferSettings(infer_compose="head")):
        motion = HeadMotion(video, settings)
        motion.hear(silence)
        moments.append(motion.frames(0, 150))
    portrait, head = moments
    assert set(np.abs(np.diff(portrait.frame_ids))) == {1}
    assert portrait.frame_ids.min() >= 0
    assert portrait.frame_ids.max() < 100, "the first of two shots of 100 frames"
    np.testing.assert_array_equal(portrait.world_from_camera, video.world_from_camera[portrait.frame_ids])
    assert portrait.own_poses
    assert 40 <= portrait.frame_ids[0] < 70, "it begins with somebody who rests, as the sound does"
    assert head.frame_ids[0] == 0
    np.testing.assert_array_equal(head.frame_ids, HeadMotion(video, PoseSettings()).frames(0, 150).frame_ids)


def test_a_still_head_keeps_one_pose_while_its_eyes_go_on(video):
    moment = HeadMotion(video, PoseSettings(infer_pose_mode="still", infer_still_frame_idx=3)).frames(0, 50)
    assert (moment.frame_ids == 3).all()
    assert len(np.unique(moment.eye_ids)) > 10
    assert not np.ptp(moment.world_from_camera, axis=0).any()
    smooth = HeadMotion(video, PoseSettings()).frames(0, 10).world_from_camera
    np.testing.assert_array_equal(moment.world_from_camera[0], smooth[3])
    usual = HeadMotion(video, PoseSettings(infer_pose_mode="still")).frames(0, 2)
    assert usual.frame_ids[0] == usual_pose(HeadMotion(video, PoseSettings()).path)
    with pytest.raises(ConfigError, match="frame_idx = 99: the longest shot of the footage has frames 0 to 19"):
        HeadMotion(video, PoseSettings(infer_pose_mode="still", infer_still_frame_idx=99))


def test_the_usual_pose_is_the_median_one():
    path = np.tile(np.eye(4, dtype=np.float32), (9, 1, 1))
    path[:, 0, 3] = [9, 9, 0, 1, 2, 3, 4, -9, -9]
    assert usual_pose(path) == 4


def test_poses_may_be_given(video, tmp_path):
    given = np.tile(np.eye(4, dtype=np.float32)[None, :3], (7, 1, 1))
    given[:, 2, 3] = np.arange(7)
    np.save(tmp_path / "poses.npy", given[None])
    settings = PoseSettings(infer_c2w_name=str(tmp_path / "poses.npy"))
    poses = HeadMotion(video, settings).frames(0, 20).world_from_camera
    assert poses[:, 2, 3].tolist() == [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 5]
    still = settings.model_copy(update={"infer_pose_mode": "still", "infer_still_frame_idx": 5})
    assert (HeadMotion(video, still).frames(0, 4).world_from_camera[:, 2, 3] == 5).all()
    wrong = still.model_copy(update={"infer_still_frame_idx": 7})
    with pytest.raises(ConfigError, match="the file of poses has frames 0 to 6"):
        HeadMotion(video, wrong)


def test_what_is_no_pose_is_refused(tmp_path):
    eye = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
    lost, bent = eye.copy(), eye.copy()
    lost[1, 0, 0], bent[2, 0, 0] = np.nan, 2.0
    for name, poses, said in (
        ("shape", np.zeros((7, 5)), r"has shape \(7, 5\): camera poses are"),
        ("lost", lost, r"1 values are not finite numbers, the first at \[1, 0, 0\]"),
        ("bent", bent, r"1 of 3 poses are no rotation and place \(first 2\)"),
        ("mirror", eye * np.array([-1, 1, 1, 1], np.float32)[:, None], "3 of 3 poses are no rotation"),
    ):
        np.save(tmp_path / f"{name}.npy", poses)
        with pytest.raises(DataError, match=said):
            read_poses(str(tmp_path / f"{name}.npy"))
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(DataError, match=r"text\.npy holds no camera poses"):
        read_poses(str(tmp_path / "text.npy"))
    with pytest.raises(DataError, match="No camera poses at nowhere"):
        read_poses("nowhere.npy")
