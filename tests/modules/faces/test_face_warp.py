"""The warp puts points where they belong, leaves the border, and lets gradients through."""

from __future__ import annotations

import pytest
import torch
from kornia.geometry.transform import warp_points_tps

from modules.faces.face_warp import border, displacement, fit_spline, pixel_grid, to_normalised, to_pixels, warp_face


def some_points(count: int = 68, seed: int = 0) -> torch.Tensor:
    return 1.2 * torch.rand(1, count, 2, generator=torch.Generator().manual_seed(seed)) - 0.6


def test_the_spline_has_its_values_at_its_centres_and_is_exact_for_planes():
    centres = some_points(20).double()
    values = some_points(20, seed=1).double()
    kernel, affine = fit_spline(centres, values)
    torch.testing.assert_close(warp_points_tps(centres, centres, kernel, affine), values)
    plane = centres @ torch.tensor([[0.5, -1.0], [2.0, 0.25]]).double() + 0.125
    kernel, affine = fit_spline(centres, plane)
    assert kernel.abs().max() < 1e-9
    away = some_points(7, seed=2).double()
    expected = away @ torch.tensor([[0.5, -1.0], [2.0, 0.25]]).double() + 0.125
    torch.testing.assert_close(warp_points_tps(away, centres, kernel, affine), expected)


def test_a_dot_moves_to_its_target():
    """A hand-worked case: four of five points stay, the middle one goes 8 pixels right and 4 down."""
    picture = torch.zeros(1, 1, 64, 64)
    picture[0, 0, 30:34, 30:34] = 1
    source = torch.tensor([[[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [0.0, 0.0]]])
    target = source.clone()
    target[0, 4] = torch.tensor([0.25, 0.125])
    moved = warp_face(picture, source, target)
    y, x = (moved[0, 0][None] * pixel_grid(64, 64, torch.device("cpu")).permute(2, 0, 1)).sum((1, 2)).flip(0)
    mass = moved.sum()
    assert (float(x / mass), float(y / mass)) == pytest.approx((0.25, 0.125), abs=0.01)


def test_no_motion_changes_nothing_and_the_border_stays():
    picture = torch.rand(2, 3, 32, 32)
    points = some_points(10).expand(2, -1, -1)
    torch.testing.assert_close(warp_face(picture, points, points), picture, atol=1e-4, rtol=0)
    flow = displacement(points, points + 0.1, (64, 64), stride=1)
    assert flow[:, [0, -1]].abs().max() < 0.02
    assert flow[:, :, [0, -1]].abs().max() < 0.02
    assert flow.abs().max() > 0.08
    assert len(border(torch.device("cpu"))) == 16


def test_there_and_back_again():
    y, x = pixel_grid(64, 64, torch.device("cpu")).unbind(-1)
    picture = torch.stack([torch.sin(3 * x), torch.cos(2 * y), x * y])[None]
    source, target = some_points(30), some_points(30) + 0.06 * some_points(30, seed=1)
    back = warp_face(warp_face(picture, source, target), target, source)
    assert (back - picture).abs().mean() < 0.02


def test_a_coarse_flow_is_the_fine_one():
    source, target = some_points(20), some_points(20) + 0.03
    fine = displacement(source, target, (64, 64), stride=1)
    assert (displacement(source, target, (64, 64), stride=4) - fine).abs().max() < 0.01


def test_gradients_reach_picture_and_landmarks():
    source, target = some_points(5).double(), some_points(5, seed=1).double()

    def flow(a, b):
        return displacement(a, b, (6, 6), stride=1)

    assert torch.autograd.gradcheck(flow, (source.requires_grad_(), target.requires_grad_()), atol=1e-5)
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    predicted = some_points().requires_grad_()
    warp_face(picture, some_points(), predicted).square().sum().backward()
    assert picture.grad.abs().sum() > 0
    assert torch.isfinite(predicted.grad).all()
    assert predicted.grad.abs().sum() > 0


def test_landmarks_on_one_spot_do_not_break_it():
    predicted = torch.zeros(1, 68, 2, requires_grad=True)
    warped = warp_face(torch.rand(1, 3, 32, 32), some_points(), predicted)
    warped.sum().backward()
    assert torch.isfinite(warped).all()
    assert torch.isfinite(predicted.grad).all()


def test_pixels_and_back():
    points = torch.tensor([[0.0, 0.0], [224.0, 112.0]])
    assert to_normalised(points, 224).tolist() == [[-1, -1], [1, 0]]
    torch.testing.assert_close(to_pixels(to_normalised(points, 224), 224), points)
