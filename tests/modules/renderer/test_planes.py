"""Planes as a table: the taps are bilinear, the backward is right."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from modules.renderer import planes
from modules.renderer.planes import TapMatrices, plane_taps


def test_taps_read_what_grid_sample_reads():
    torch.manual_seed(0)
    size, points = 7, torch.rand(40, 3) * 2 - 1
    table = torch.randn(3 * size * size, 5)
    rows, weights = planes.plane_taps(points, (size,))
    got = planes.read_table(table, rows, weights)
    wanted = torch.zeros(40, 5)
    for plane, (across, down) in enumerate(planes.AXES):
        image = table[plane * size * size : (plane + 1) * size * size].view(1, size, size, 5).permute(0, 3, 1, 2)
        place = points[:, [across, down]].view(1, 40, 1, 2)
        wanted += F.grid_sample(image, place, align_corners=True)[0, :, :, 0].T
    assert torch.allclose(got, wanted, atol=1e-4)


def test_points_outside_read_the_border_and_no_row_beyond_the_table():
    places = torch.tensor([[9.0, -9.0, 1.0], [1.0, 1.0, 1.0]])
    rows, weights = planes.plane_taps(torch.cat([places, places], dim=1), (5, 4))
    assert rows[:, :12].min() >= 0
    assert rows[:, :12].max() < 75
    assert rows[:, 12:].min() >= 75
    assert rows[:, 12:].max() < 75 + 48
    assert torch.allclose(weights.sum(dim=1), torch.full((2,), 6.0))


def test_backward_equals_that_of_a_plain_sum():
    torch.manual_seed(0)
    rows, weights = torch.randint(0, 30, (20, 12), dtype=torch.int32), torch.rand(20, 12)
    table = torch.randn(30, 4, requires_grad=True)
    goal = torch.randn(20, 4)
    planes.read_table(table, rows, weights).backward(goal)
    wanted = torch.zeros(30, 4).index_add_(0, rows.flatten().long(), (weights[..., None] * goal[:, None]).flatten(0, 1))
    assert table.grad is not None
    assert torch.allclose(table.grad, wanted, atol=1e-5)


def test_a_blend_is_a_product_whose_gradients_reach_both():
    torch.manual_seed(0)
    weights, bases = torch.randn(2, 5, requires_grad=True), torch.randn(5, 30, requires_grad=True)
    goal = torch.randn(2, 30)
    ours = torch.autograd.grad(planes.blend(weights, bases), (weights, bases), goal)
    wanted = torch.autograd.grad(weights @ bases, (weights, bases), goal)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(ours, wanted, strict=True))


def test_one_plane_alone_is_made_smooth():
    table = torch.randn(3 * 16, 4, requires_grad=True)
    loss = 3 * planes.plane_roughness(table, 4, 1)
    loss.backward()
    image = table.detach()[16:32].view(4, 4, 4)
    assert torch.allclose(loss / 3, image.diff(dim=0).square().mean() + image.diff(dim=1).square().mean())
    assert table.grad[16:32].any()
    assert not table.grad[:16].any()
    assert not table.grad[32:].any()


def test_no_points_is_no_error():
    table = torch.randn(48, 4, requires_grad=True)
    out = planes.read_table(table, *planes.plane_taps(torch.zeros(0, 3), (4,)))
    out.sum().backward()
    assert out.shape == (0, 4)
    assert table.grad is not None
    assert not table.grad.any()


def test_a_grid_is_read_cell_by_cell():
    rows = planes.grid_rows(torch.tensor([[-1.0, -1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, 0.0, 1.0]]), 4)
    assert rows.tolist() == [0, 3, 3 * 16 + 2 * 4]


def test_the_border_fades():
    fade = planes.border_fade(torch.tensor([[0.0, 0.0, 0.0], [0.94, 0.0, 0.0], [0.0, -1.5, 0.0]]), 0.12)
    assert torch.allclose(fade[:, 0], torch.tensor([1.0, 0.5, 0.0]), atol=1e-5)


@pytest.mark.parametrize("sizes", [(16,), (16, 8)])
def test_taps_by_products_are_the_taps_one_by_one(sizes):
    torch.manual_seed(0)
    planes = len(sizes)
    start, slope = 8 * torch.rand(3 * planes, 1), torch.randn(3 * planes, 20)
    steps = 4 * torch.rand(5, 20)
    rows, weights = TapMatrices(sizes).taps(start, slope, steps)
    at = (start[:, None] + steps * slope[:, None]).flatten(1).T
    half = torch.tensor(sizes).repeat_interleave(3) / 2 - 0.5
    wanted_rows, wanted = plane_taps(at / half - 1, sizes)
    assert torch.equal(rows, wanted_rows)
    assert torch.allclose(weights[:, :12], wanted[:, :12], atol=1e-4)
    table = torch.randn(sum(3 * size**2 for size in sizes), 7)
    read = TapMatrices(sizes).read(table, start, slope, steps)
    assert torch.allclose(read, (weights[..., None] * table[rows.long()]).sum(dim=1), atol=1e-4)
