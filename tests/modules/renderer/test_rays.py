"""Rays against hand-worked cases and against projection."""

from __future__ import annotations

import torch

from modules.renderer import rays


def camera(distance: float = 5.0) -> torch.Tensor:
    pose = torch.eye(4)
    pose[2, 3] = distance
    return pose


def test_the_first_ray_passes_the_middle_of_its_square():
    grid = rays.ray_grid(2, 3, 4.0)
    assert grid.shape == (2, 3, 2)
    assert grid[0, 0].tolist() == [2.0, 2.0]
    assert grid[1, 2].tolist() == [10.0, 6.0]


def test_the_middle_of_the_picture_looks_along_minus_z():
    got = rays.ray_directions(torch.tensor([[32.0, 16.0]]), camera(), 50.0, (32.0, 64.0))
    assert torch.allclose(got, torch.tensor([[0.0, 0.0, -1.0]]))


def test_a_point_on_a_ray_is_seen_where_the_ray_passes():
    torch.manual_seed(0)
    pose = camera()
    pose[:3, :3] = torch.linalg.qr(torch.randn(3, 3)).Q
    uv = 60 * torch.rand(10, 2)
    directions = rays.ray_directions(uv, pose, 80.0, (60.0, 60.0))
    points = pose[:3, 3] + 3 * directions
    assert torch.allclose(rays.project(points, pose, 80.0, (60.0, 60.0)), uv, atol=1e-3)


def test_a_rotation_is_exact_where_products_are_rounded():
    torch.manual_seed(0)
    pose = camera()
    pose[:3, :3] = torch.linalg.qr(torch.randn(3, 3)).Q
    uv, size = 60 * torch.rand(10, 2), (60.0, 60.0)
    directions = rays.ray_directions(uv, pose, 80.0, size)
    exact = rays.turned(pose[:3, :3].double(), directions.double().T)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rays.ray_directions(uv, pose, 80.0, size), directions)
        assert torch.allclose(rays.project(pose[:3, 3] + 3 * directions, pose, 80.0, size), uv, atol=1e-3)
        assert torch.allclose(rays.turned(pose[:3, :3], directions.T).double(), exact, atol=1e-6)
    assert torch.allclose(exact, pose[:3, :3].double() @ directions.double().T)


def test_where_a_ray_crosses_the_box():
    box = torch.tensor([[-1.0, -1, -1], [1, 1, 2]])
    directions = torch.nn.functional.normalize(torch.tensor([[0.0, 0, -1], [1, 0, -0.1]]), dim=-1)
    near, far = rays.box_span(torch.tensor([0.0, 0, 5]), directions, box)
    assert near[0] == 3
    assert far[0] == 6
    assert far[1] <= near[1]
