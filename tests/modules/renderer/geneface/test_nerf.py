"""GeneFace's NeRF gives the published outputs and renders by its own conventions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from modules.renderer.geneface.nerf import GenefaceNerf, PinholeRays, TorsoNerf, euler_xyz, pinhole_rays, sample_bins
from modules.renderer.vanilla import RadianceMLP
from tests.modules.golden import assert_golden, filled, probe

GOLDEN = json.loads((Path(__file__).parents[2] / "golden_renderer.json").read_text())["lm3d_nerf"]


def sizes(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def test_the_networks_are_the_published_ones():
    model = filled(lambda: GenefaceNerf(204, 1, 5))
    assert sizes(model) == 1_244_931
    assert sizes(TorsoNerf(use_color=True)) == 1_325_565
    windows = probe(5, 1, 204)
    code = model.encode(windows)
    assert_golden(code, GOLDEN["cond_att"])
    assert_golden(model.encode(windows[:1], attention=False), GOLDEN["cond_single"])
    points, view = probe(7, 3), F.normalize(probe(7, 3).flip(0), dim=-1)
    for net, golden in ((model.model_fine, "rgb_sigma_fine"), (model.model_coarse, "rgb_sigma_coarse")):
        density, colour = net(points, view, code)
        assert_golden(torch.cat([colour, density[:, None]], dim=1), GOLDEN[golden])


def test_samples_lie_where_the_weights_are():
    edges = torch.tensor([[0.0, 1.0, 2.0, 4.0]])
    weights = torch.tensor([[0.0, 1.0, 1.0]])
    assert sample_bins(edges, weights, 5)[0].tolist() == pytest.approx([0, 1.5, 2, 3, 4], abs=1e-3)


def test_angles_are_those_of_fixed_axes():
    def about(axis: int, angle: float) -> np.ndarray:
        rotation, (i, j) = np.eye(3), [(1, 2), (2, 0), (0, 1)][axis]
        rotation[i, i] = rotation[j, j] = np.cos(angle)
        rotation[i, j], rotation[j, i] = -np.sin(angle), np.sin(angle)
        return rotation

    whole = about(2, 0.3) @ about(1, -0.2) @ about(0, 0.1)
    assert euler_xyz(torch.from_numpy(whole)).tolist() == pytest.approx([0.1, -0.2, 0.3])


def test_rays_pass_through_the_corners_of_pixels():
    camera = torch.eye(4)
    camera[:3, 3] = torch.tensor([1.0, 2.0, 3.0])
    rays = pinhole_rays(4, 6, 2.0, camera, 0.3, 0.9)
    assert rays.origin.tolist() == [1, 2, 3]
    assert rays.directions.shape == (24, 3)
    assert rays.directions[0].tolist() == [-1.5, 1.0, -1.0]
    assert rays.directions[-1].tolist() == [1.0, -0.5, -1.0]


class Ball(RadianceMLP):
    """A dense red ball of radius 0.1 about the origin."""

    def forward(self, points, directions, code):
        inside = points.norm(dim=-1) < 0.1
        assert directions.norm(dim=-1).allclose(torch.ones(()))
        colour = torch.tensor([9.0, -9.0, -9.0]).expand(len(points), -1)
        return 1e4 * inside.float(), colour


def test_what_is_dense_hides_the_background_and_the_rest_shows_it():
    net = GenefaceNerf(204, 1, 5)
    net.model_coarse = net.model_fine = Ball(64)
    directions = torch.tensor([[0.0, 0.0, -1.0], [0.5, 0.0, -1.0]])
    rays = PinholeRays(torch.tensor([0.0, 0.0, 0.6]), directions, 0.3, 0.9)
    background = torch.tensor([[0.2, 0.4, 0.6]]).expand(2, -1)
    seen = net.render(torch.zeros(64), rays, background, (32, 16))
    assert seen.colour[0].tolist() == pytest.approx([1, 0, 0], abs=1e-2)
    assert seen.last_weight[0] < 1e-3
    assert seen.colour[1].tolist() == pytest.approx([0.2, 0.4, 0.6], abs=1e-4)
    assert seen.foreground[1].abs().max() < 1e-4


@torch.no_grad()
def test_the_torso_sees_the_heads_colour_when_it_should():
    torch.manual_seed(0)
    rays = pinhole_rays(2, 2, 2.0, torch.eye(4), 0.3, 0.9)
    for use_color, differs in ((True, True), (False, False)):
        torso = TorsoNerf(use_color=use_color)
        code = torso.code(torch.randn(8, 16, 29), torch.eye(4))
        assert code.shape == (142,)
        dark, light = (torso.render_condition(code, torch.full((4, 3), v)) for v in (0.0, 1.0))
        assert bool((dark != light).any()) == differs
        assert torso.over(torch.zeros(4, 3), code, rays, (4, 4)).shape == (4, 3)
