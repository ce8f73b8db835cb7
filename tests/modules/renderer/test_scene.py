"""What a scene keeps."""

from __future__ import annotations

import torch

from modules.renderer.scene import Scene


def test_a_scene_takes_the_plate_of_any_size():
    scene, other = Scene(), Scene()
    scene.plate = torch.full((5, 9, 3), 3, dtype=torch.uint8)
    other.load_state_dict(scene.state_dict())
    assert torch.equal(other.plate, scene.plate)
