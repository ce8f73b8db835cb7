"""The torso starts from a picture, and is driven by the footage or the pose."""

from __future__ import annotations

import torch

from modules.renderer.rays import ray_grid
from tests.modules.renderer.made import painted_torso


def test_a_torso_starts_from_a_picture():
    torso = painted_torso()
    places = 2 * ray_grid(32, 32, 1.0)[None] / 32 - 1
    colour, alpha = torso(places, torch.zeros(1, 14))
    assert torch.allclose((colour / alpha)[0, 0, 20], torch.linspace(0.2, 0.8, 32), atol=0.02)
    assert torch.allclose((colour / alpha)[0, 1, :, 5], torch.linspace(0.2, 0.8, 32), atol=0.02)


def test_a_torso_is_driven_by_the_footage_or_else_by_the_pose():
    torso = painted_torso()
    torso.motion = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    torso.motion_from_pose[12] = torch.tensor([7.0, 8.0])
    pose = torch.randn(2, 12)
    assert torch.equal(torso.code(pose, torch.tensor([1, 0]))[:, 12:], torso.motion.flip(0))
    assert torch.equal(torso.code(pose, None)[:, 12:], torch.tensor([[7.0, 8.0]] * 2))


def test_the_torso_reaches_no_further_than_its_box():
    torso = painted_torso()
    torch.nn.init.normal_(torso.bend.weight, std=10.0)
    left, top, right, bottom = torso.box()
    assert (left, right, bottom) == (-1, 1, 1)
    assert -0.4 < top < -0.1
    places = 2 * ray_grid(32, 32, 1.0)[None] / 32 - 1
    _, alpha = torso(places, torch.randn(1, 14))
    assert alpha[0, 0][places[0, :, 0, 1] < top].max() < 0.04
