from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from data_gen.demo.clip import Clip, blinks, make_clip
from data_gen.demo.identity import make_identity
from data_gen.demo.mouth import MouthPose
from data_gen.demo.portrait import CANVAS
from data_gen.demo.pose import HeadMotion, HeadPose
from data_gen.demo.visemes import is_bilabial
from utils.rates import FPS, RATE


@pytest.fixture(scope="module")
def truth(clip: Clip):
    return clip.truth()


def test_sound_and_frames_have_the_same_length(clip: Clip):
    assert len(clip.speech.wav) == len(clip) * RATE // FPS
    exact = make_clip(make_identity(0), ["Mum.", "Bob."], size=64, seconds=4.0)
    assert len(exact) == 100
    assert len(exact.speech.wav) == 64_000


def test_a_clip_is_the_same_every_time(clip: Clip):
    again = Clip(make_identity(0), clip.speech, size=128)
    other = Clip(make_identity(0), clip.speech, size=128, seed=1)
    assert np.array_equal(clip.frame(11), again.frame(11))
    assert not np.array_equal(clip.frame(11), other.frame(11))


def test_lips_close_on_p_b_m_and_in_pauses(clip: Clip, truth):
    for name, start_s, end_s in clip.speech.phonemes:
        if is_bilabial(name):
            nearest = int(0.5 * (start_s + end_s) * FPS)
            assert truth.lip_gap[max(0, nearest - 1) : nearest + 2].min() < 1e-3
    assert (truth.lip_gap[:5] < 1e-3).all()
    assert (truth.lip_gap[-4:] < 1e-3).all()
    assert (truth.lip_gap[truth.lips_closed > 0] < 1e-3).all()
    assert truth.lip_gap.max() > 0.1


def test_landmarks_of_the_lips_follow_the_gap(clip: Clip, truth):
    inner = truth.landmarks_px[:, 66, 1] - truth.landmarks_px[:, 62, 1]
    assert np.corrcoef(inner, truth.lip_gap)[0, 1] > 0.99


def test_what_is_seen_between_the_lips_follows_the_gap(clip: Clip):
    """The brightness of the middle of the mouth changes from lip to teeth, and back when it closes."""
    face = clip.face
    shut, parted, wide = (face.paint(MouthPose(o, jaw=o)) for o in (0.0, 0.4, 1.0))
    lip = face.landmarks_px(MouthPose())[62]
    inside = slice(int(lip[1]), int(lip[1]) + 5), slice(int(lip[0]) - 8, int(lip[0]) + 8)

    def redness(image: np.ndarray) -> float:
        part = image[inside].astype(float)
        return float((part[..., 0] - part[..., 1]).mean())

    assert redness(shut) > redness(parted) + 15
    below = slice(int(lip[1]) + 14, int(lip[1]) + 18), inside[1]
    assert wide[below].mean() < 0.65 * shut[below].mean()


def test_closed_lips_show_no_tooth(clip: Clip):
    mouth = clip.face.mouth
    image = clip.face.paint(MouthPose()).astype(float)
    row = int(clip.face.landmarks_px(MouthPose())[62, 1])
    across = image[row - 4 : row + 5, int(mouth.left) + 8 : int(mouth.right) - 8]
    assert (across[..., 0] - across[..., 1]).min() > 12


def test_the_jaw_moves_as_one_and_fades_towards_cheeks_and_neck(clip: Clip):
    rest, wide = (clip.face.landmarks_px(pose) for pose in (MouthPose(), MouthPose(1, jaw=1)))
    down = wide[:, 1] - rest[:, 1]
    assert down[57] == pytest.approx(down[8], rel=0.35)
    assert down[8] > 3 * max(down[2], down[14], 0.1)
    assert abs(down[27:36]).max() < 0.02 * clip.face.portrait.eye_distance_px
    before, after = clip.face.paint(MouthPose()), clip.face.paint(MouthPose(1, jaw=1))
    changed = np.argwhere((before != after).any(-1))
    assert changed[:, 0].max() < CANVAS - 1
    assert changed[:, 0].min() > clip.face.portrait.landmarks_px[30, 1]


def test_head_pose_is_in_range_and_smooth(truth):
    rotation = truth.rotation
    assert np.allclose(rotation @ rotation.transpose(0, 2, 1), np.eye(3), atol=1e-5)
    angles = np.degrees(np.arccos(np.clip((np.trace(rotation, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angles.max() < 12
    motion = HeadMotion(500, np.zeros(500), 0).values
    assert motion[:, 0].std() > 1.5
    assert abs(np.diff(motion[:, :3], axis=0)).max() < 1.5


def test_the_true_camera_projects_the_head_to_the_true_landmarks(clip: Clip, truth):
    stage, frame = clip.stage, 20
    points = clip.face.landmarks_px(clip.mouth_pose(frame), closed=clip.blink[frame], brow=clip.brow[frame])
    far = stage.distance - stage._depth_at(points)
    seen = np.stack([(points[:, 0] - 256) * far, -(points[:, 1] - 256) * far, -far * stage.focal], 1) / stage.focal
    head = seen - stage._origin()
    camera = np.linalg.inv(truth.world_from_camera[frame])
    in_camera = head @ camera[:3, :3].T + camera[:3, 3]
    projected = clip.size / 2 + truth.focal_px * in_camera[:, :2] / -in_camera[:, 2:] * [1, -1]
    assert np.allclose(projected, truth.landmarks_px[frame], atol=0.01)


def test_turning_right_moves_the_nose_right_of_the_cheeks(clip: Clip):
    points = clip.face.portrait.landmarks_px
    still = clip.stage.project(points, HeadPose(np.eye(3), np.zeros(3)))
    turned = clip.stage.project(points, HeadPose.about_neck(8, 0, 0, np.zeros(3)))
    assert np.allclose(still, points * clip.size / CANVAS, atol=1e-3)
    moved = (turned - still)[:, 0]
    assert moved[30] > moved[[2, 14]].max() + 1


def test_the_room_stands_still(clip: Clip):
    frames = np.stack([clip.frame(i) for i in (0, 15, 30)]).astype(int)
    corner = frames[:, :8, :8]
    assert abs(corner - corner[0]).max() <= 1


def test_blinks_come_every_two_to_six_seconds():
    shut = blinks(3000, 0) > 0.9
    starts = np.flatnonzero(np.diff(shut.astype(int)) == 1) / FPS
    assert (np.diff(starts) > 1.9).all()
    assert (np.diff(starts) < 6.1).all()


def test_a_blink_shuts_the_eye(clip: Clip):
    shut = clip.face.landmarks_px(MouthPose(), closed=1.0)
    opened = clip.face.landmarks_px(MouthPose())
    height = [abs(p[[40, 41]] - p[[38, 37]])[:, 1].mean() for p in (opened, shut)]
    assert height[1] < 0.25 * height[0]
    eye = opened[36:42].mean(0).astype(int)
    iris = slice(eye[1] - 3, eye[1] + 3), slice(eye[0] - 4, eye[0] + 4)
    assert clip.face.paint(MouthPose(), closed=1.0)[iris].mean() > clip.face.paint(MouthPose())[iris].mean() + 30


def test_truth_is_saved_beside_the_clip(clip: Clip, tmp_path: Path, truth):
    arrays_path, told_path = clip.save_truth(tmp_path / "demo")
    arrays, told = load_file(str(arrays_path)), json.loads(told_path.read_text())
    assert arrays_path.name == "demo.truth.safetensors"
    assert np.array_equal(arrays["landmarks_px"], truth.landmarks_px)
    assert arrays["landmarks_px"].shape == (len(clip), 68, 2)
    assert told["frames"] == len(clip)
    assert told["phonemes"][-1][2] == pytest.approx(told["seconds"], abs=1e-3)
    assert "public domain" in told["licence"]


def test_a_detector_sees_the_lips_as_the_truth_says(clip: Clip, truth):
    import cv2
    import dlib

    from data_gen.demo.portrait import find_landmarks

    seen, frames = [], range(3, len(clip), 2)
    for i in frames:
        image = cv2.resize(clip.frame(i), (512, 512), interpolation=cv2.INTER_CUBIC)
        points = truth.landmarks_px[i] * 4
        low, high = points.min(0), points.max(0)
        x, y, half = *(0.5 * (low + high)), 0.49 * float((high - low).max())
        box = dlib.rectangle(int(x - half), int(y - half), int(x + half), int(y + half))
        found = find_landmarks(image, box)
        seen.append(found[65:68, 1].mean() - found[61:64, 1].mean())
    gap = truth.lip_gap[list(frames)]
    assert np.corrcoef(seen, gap)[0, 1] > 0.9
    assert np.mean(np.array(seen)[gap < 1e-3]) < 0.15 * max(seen)
