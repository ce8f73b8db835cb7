from __future__ import annotations

import numpy as np

from data_gen.demo.clip import Clip
from data_gen.demo.portrait import CANVAS
from data_gen.demo.pose import HeadMotion, HeadPose


def test_head_pose_is_in_range_and_smooth(truth):
    rotation = truth.rotation
    assert np.allclose(rotation @ rotation.transpose(0, 2, 1), np.eye(3), atol=1e-5)
    angles = np.degrees(np.arccos(np.clip((np.trace(rotation, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angles.max() < 12
    motion = HeadMotion(500, np.zeros(500), 0).values
    assert motion[:, 0].std() > 1.5
    assert abs(np.diff(motion[:, :3], axis=0)).max() < 1.5


def test_the_true_camera_projects_the_head_to_the_true_landmarks(clip: Clip, truth):
    scene, frame = clip.scene, 20
    points = clip.face.landmarks_px(clip.mouth_pose(frame), closed=clip.blink[frame], brow=clip.brow[frame])
    far = scene.distance - scene._depth_at(points)
    seen = np.stack([(points[:, 0] - 256) * far, -(points[:, 1] - 256) * far, -far * scene.focal], 1) / scene.focal
    head = seen - scene._origin()
    camera = np.linalg.inv(truth.world_from_camera[frame])
    in_camera = head @ camera[:3, :3].T + camera[:3, 3]
    projected = clip.size / 2 + truth.focal_px * in_camera[:, :2] / -in_camera[:, 2:] * [1, -1]
    assert np.allclose(projected, truth.landmarks_px[frame], atol=0.01)


def test_turning_right_moves_the_nose_right_of_the_cheeks(clip: Clip):
    points = clip.face.portrait.landmarks_px
    still = clip.scene.project(points, HeadPose(np.eye(3), np.zeros(3)))
    turned = clip.scene.project(points, HeadPose.about_neck(8, 0, 0, np.zeros(3)))
    assert np.allclose(still, points * clip.size / CANVAS, atol=1e-3)
    moved = (turned - still)[:, 0]
    assert moved[30] > moved[[2, 14]].max() + 1


def test_the_room_stands_still(clip: Clip):
    frames = np.stack([clip.frame(i) for i in (0, 15, 30)]).astype(int)
    corner = frames[:, :8, :8]
    assert abs(corner - corner[0]).max() <= 1
