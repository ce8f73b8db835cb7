"""What a scene keeps."""

from __future__ import annotations

import torch

from modules.renderer.scene import Scene


def test_a_scene_takes_the_plate_of_any_size():
    scene, other = Scene(), Scene()
    scene.plate = torch.full((5, 9, 3), 3, dtype=torch.uint8)
    other.load_state_dict(scene.state_dict())
    assert torch.equal(other.plate, scene.plate)


def test_a_scene_takes_the_errors_of_poses_and_an_older_one_has_none():
    scene, other = Scene(), Scene()
    scene.pose_errors = torch.ones(3, 6)
    older = {name: value for name, value in scene.state_dict().items() if name != "pose_errors"}
    other.load_state_dict(scene.state_dict())
    assert torch.equal(other.pose_errors, scene.pose_errors)
    other.load_state_dict(older)
    assert len(other.pose_errors) == 0
