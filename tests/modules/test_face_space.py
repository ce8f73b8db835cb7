"""A face space adds up components, stays a face, and its ONNX file gives the same pictures."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from modules.face_space import COLOURS, SHAPES, SIDE, WITHIN, FaceSpace, folded
from modules.onnx.format import write_onnx


@pytest.fixture(scope="module")
def network() -> FaceSpace:
    """Fill a network with two components of colour and one of shape, which widens the face."""
    torch.manual_seed(0)
    network = FaceSpace(16)
    wave = torch.linspace(0, 9, SIDE)
    network.mean_colours.copy_((wave[:, None].sin() * wave.cos())[:, : SIDE // 2].expand(3, -1, -1).flatten())
    network.colours[:2].normal_()
    x = torch.linspace(-1, 1, SIDE)
    network.shapes[0] = torch.stack([x.expand(SIDE, -1), torch.zeros(SIDE, SIDE)], dim=-1).flatten()
    network.deviations[:2], network.deviations[COLOURS] = 0.2, 0.05
    return network.eval()


def amounts(**values: float) -> torch.Tensor:
    row = torch.zeros(1, COLOURS + SHAPES)
    for name, value in values.items():
        row[0, {"first": 0, "second": 1, "wide": COLOURS}[name]] = value
    return row


@torch.no_grad()
def test_colours_are_the_mean_and_so_much_of_each_component(network):
    picture = network.picture(amounts(first=1.5, second=-2))
    half = network.mean_colours + 0.2 * (1.5 * network.colours[0] - 2 * network.colours[1])
    torch.testing.assert_close(folded(picture)[0], half, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(picture, picture.flip(3), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_shape_says_where_each_pixel_is_read(network):
    straight, narrow = network.picture(amounts()), network.picture(amounts(wide=2))
    grid = network.grid.view(1, SIDE, SIDE, 2) * torch.tensor([1.1, 1.0])
    wanted = torch.nn.functional.grid_sample(straight, grid, align_corners=False, padding_mode="border")
    torch.testing.assert_close(narrow[..., 8:-8], wanted[..., 8:-8], atol=0.02, rtol=0)
    assert (narrow - straight).abs().mean() > 0.05


@torch.no_grad()
def test_no_template_asks_for_what_no_face_has(network):
    assert network.amounts(torch.full((1, 16), 1e4)).abs().max() <= WITHIN


def test_only_how_much_of_each_component_learns(network):
    assert {name.split(".")[0] for name, _ in network.named_parameters()} == {"straight", "bent"}
    network.zero_grad()
    network(torch.randn(2, 16)).square().sum().backward()
    assert network.straight.weight.grad[:2].abs().sum() > 0
    assert network.straight.weight.grad[COLOURS].abs().sum() > 0


@torch.no_grad()
def test_the_onnx_file_gives_the_same_pictures(network):
    templates = torch.randn(3, 16)
    session = onnxruntime.InferenceSession(write_onnx(network.onnx_graph()), providers=["CPUExecutionProvider"])
    (pictures,) = session.run(None, {"input": templates.numpy()})
    assert np.abs(pictures - network(templates).numpy()).max() < 1e-3
