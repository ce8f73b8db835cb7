"""RAD-NeRF's rays are walked in its occupied cells."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from modules.renderer.geneface.radnerf import (
    CELLS,
    CLOSED,
    MAX_STEPS,
    STEP,
    RadHead,
    Seen,
    centre_rays,
    morton,
    most_places,
    ngp_pose,
    picture_places,
    pose_code,
    sphere_harmonics,
)
from modules.renderer.rays import box_span


def test_the_networks_have_the_published_sizes():
    for torso, count in ((False, 3_112_587), (True, 4_344_011)):
        assert sum(p.numel() for p in RadHead(204, 1, 5, torso=torso).parameters()) == count
    aware = RadHead(204, 1, 5, torso=True, head_aware=True)
    assert sum(p.numel() for p in aware.parameters()) == 4_346_699


def test_the_harmonics_are_orthonormal_and_signed_as_published():
    torch.manual_seed(0)
    values = sphere_harmonics(F.normalize(torch.randn(200_000, 3, dtype=torch.float64), dim=-1))
    gram = 4 * math.pi * values.T @ values / len(values)
    assert torch.allclose(gram, torch.eye(16, dtype=torch.float64), atol=0.02)
    x, y, z = sphere_harmonics(torch.eye(3))
    assert (y[1], z[2], x[3]) == pytest.approx((-0.48860, 0.48860, -0.48860), abs=1e-5)


def test_cells_lie_in_morton_order():
    cells = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0], [127, 127, 127]])
    assert morton(cells).tolist() == [0, 1, 2, 4, 8, CELLS**3 - 1]


def test_poses_change_axes_and_scale():
    pose = torch.eye(4)
    pose[:3, 3] = torch.tensor([0.1, 0.2, 0.3])
    moved = ngp_pose(pose, 4.0, (0.0, 0.0, 1.0))
    assert moved[:3, 3].tolist() == pytest.approx([0.8, 1.2, 1.4])
    looks = moved[:3, :3] @ torch.tensor([0.0, 0.0, 1.0])
    assert looks.tolist() == [0, -1, 0], "what was -z is -y now"
    assert centre_rays(2, 2, 1.0, moved).mean(dim=0)[1] < -0.5
    assert pose_code(torch.eye(4))[:6].tolist() == [0] * 6


def test_angles_of_a_pose_are_about_moving_axes():
    def about(axis: int, angle: float) -> torch.Tensor:
        rotation, (i, j) = torch.eye(3), [(1, 2), (2, 0), (0, 1)][axis]
        rotation[i, i] = rotation[j, j] = math.cos(angle)
        rotation[i, j], rotation[j, i] = -math.sin(angle), math.sin(angle)
        return rotation

    pose = torch.eye(4)
    pose[:3, :3] = about(0, 0.1) @ about(1, -0.2) @ about(2, 0.3)
    assert pose_code(pose)[:3].tolist() == pytest.approx([0.1, -0.2, 0.3])


class Fog(RadHead):
    """The same thin red fog everywhere."""

    def field(self, points, directions, code):
        return torch.full_like(points[:, 0], 2.0), torch.tensor([1.0, 0.0, 0.0]).expand(len(points), -1)


def test_the_torsos_grid_is_tiled_and_linear_whatever_the_heads_is():
    model = RadHead(204, 1, 5, codes=1, torso=True, grid="hashgrid", interpolation="smoothstep")
    assert (model.torso_embedder.kind, model.torso_embedder.interpolation) == ("tiledgrid", "linear")
    for head in (model.position_embedder, model.ambient_embedder):
        assert (head.kind, head.interpolation) == ("hashgrid", "smoothstep")


class Mixed(RadHead):
    """Thin fog on one side, thick on the other; it counts the places that it is asked for."""

    asked = 0
    thick = 300.0

    def field(self, points, directions, code):
        self.asked += len(points)
        density = torch.where(points[:, 2] > 0, self.thick, 3.0 + points[:, 0])
        return density, (points + 1) / 2


def rounds_of_the_original(model, origin, directions):
    """Walk rays one by one in the rounds of RAD-NeRF's renderer: alpha (N,), colour (N, 3)."""
    count = len(directions)
    near, far = (span.tolist() for span in box_span(origin, directions, model.aabb_infer.view(2, 3)))
    at, alpha, colour = [max(0.05, t) for t in near], torch.zeros(count), torch.zeros(count, 3)
    alive, done = list(range(count)), 0
    while done < MAX_STEPS and alive:
        steps = max(min(count // len(alive), 8), 1)
        going = []
        for ray in alive:
            walked = 0
            while walked < steps and at[ray] < far[ray]:
                point = (origin + at[ray] * directions[ray])[None]
                at[ray] += STEP
                if not model.occupied(point).item():
                    continue
                density, seen = Mixed.field(model, point, directions[ray : ray + 1], None)
                left = 1 - alpha[ray].item()
                weight = left * -math.expm1(-density.item() * STEP)
                alpha[ray] += weight
                colour[ray] += weight * seen[0]
                if left < CLOSED:
                    break
                walked += 1
            if walked == steps:
                going.append(ray)
        alive, done = going, done + steps
    return alpha, colour


@torch.no_grad()
def test_rays_are_walked_in_the_rounds_of_the_original():
    torch.manual_seed(0)
    model = Mixed(204, 1, 5, codes=1)
    model.density_bitfield.fill_(255)
    origin = torch.tensor([-3.0, 0.0, 0.0])
    aim = torch.stack([torch.ones(24), torch.linspace(-0.1, 0.1, 24), torch.linspace(-0.1, 0.3, 24)], dim=1)
    directions = F.normalize(aim, dim=1)
    alpha, colour = rounds_of_the_original(model, origin, directions)
    seen = model.march(origin, directions, torch.zeros(64), chunk=7)
    assert (seen.alpha - alpha).abs().max() < 2e-4
    assert (seen.colour - colour).abs().max() < 2e-4
    short = model._walk(origin, directions, torch.zeros(64), 0, MAX_STEPS)
    assert (short.alpha - alpha).abs().max() > 0.01, "sixteen places are not enough here"


def test_rounds_grow_as_rays_end():
    assert most_places(torch.full((10,), 16)) == 16
    assert most_places(torch.tensor([16] + [1] * 9)) == 18, "two rounds of one step, two of eight"
    assert most_places(torch.tensor([16] + [14] * 8)) == 23
    assert most_places(torch.tensor([0, 0])) <= 1
    assert most_places(torch.tensor([], dtype=torch.long)) == 0


@torch.no_grad()
def test_rays_that_close_early_are_asked_no_more_than_before():
    model = Mixed(204, 1, 5, codes=1)
    model.density_bitfield.fill_(255)
    model.thick = 600.0
    directions = F.normalize(torch.tensor([[1.0, 0.0, 0.01 * n] for n in range(1, 20)]), dim=1)
    model.march(torch.tensor([-3.0, 0.0, 0.1]), directions, torch.zeros(64))
    assert model.asked == MAX_STEPS * len(directions)


@torch.no_grad()
def test_rays_are_asked_in_occupied_cells_only():
    fog = Fog(204, 1, 5, codes=1)
    origin, ahead = torch.tensor([-3.0, 0.01, 0.01]), torch.tensor([[1.0, 0.0, 0.0]])
    assert fog.march(origin, ahead, torch.zeros(64)).alpha.tolist() == [0]
    fog.density_bitfield.fill_(255)
    seen = fog.march(origin, ahead, torch.zeros(64))
    assert seen.alpha.item() == pytest.approx(1 - math.exp(-2 * 16 * STEP), rel=1e-4)
    assert seen.colour[0].tolist() == pytest.approx([seen.alpha.item(), 0, 0])
    fog.density_bitfield.zero_()
    cell = torch.tensor([[100, 64, 64]])  # one cell is shorter than a step and a half
    number = int(morton(cell))
    fog.density_bitfield[number // 8] = 1 << number % 8
    one = fog.march(origin, ahead, torch.zeros(64)).alpha.item()
    assert one in (0, pytest.approx(1 - math.exp(-2 * STEP), rel=1e-4))
    assert fog.occupied(torch.tensor([[(100.5 / 64) - 1, 0.01, 0.01]])).item()
    assert not fog.occupied(torch.tensor([[(101.5 / 64) - 1, 0.01, 0.01]])).item()
    beside = fog.march(origin, torch.tensor([[-1.0, 0.0, 0.0]]), torch.zeros(64))
    assert beside.alpha.tolist() == [0]


@torch.no_grad()
def test_the_torso_is_painted_where_its_plane_holds_something():
    torch.manual_seed(0)
    model = RadHead(204, 1, 5, codes=1, torso=True)
    model.density_grid_torso.view(CELLS, CELLS)[:, CELLS // 2 :] = 1
    places = picture_places(4, 3, torch.device("cpu"))
    assert places[0].tolist() == [-1, -1]
    assert places[-1].tolist() == [1, 1]
    assert places[1].tolist() == [-1, 0]
    none = Seen(torch.zeros(12, 3), torch.zeros(12))
    alpha = model.torso(places, torch.eye(4), none, 0.8).alpha.view(4, 3)
    assert alpha[0].abs().max() == 0
    assert alpha[2:].min() > 0
