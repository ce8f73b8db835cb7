"""Losses on pictures whose answer is plain."""

from __future__ import annotations

import torch

from modules.renderer.losses import coarse_mask_loss, fineness_loss, ssim_map


def test_ssim_of_equal_pictures_is_one():
    picture = torch.rand(1, 3, 20, 20)
    assert torch.allclose(ssim_map(picture, picture), torch.ones(1, 3, 20, 20), atol=1e-4)
    assert ssim_map(picture, torch.rand(1, 3, 20, 20)).mean() < 0.6


def test_the_coarse_grid_pays_outside_the_mask_and_when_empty_inside():
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    right = coarse_mask_loss(0.5 * mask, mask)
    assert float(right) == 0
    assert coarse_mask_loss(torch.full_like(mask, 0.5), mask) > 0
    assert coarse_mask_loss(torch.zeros_like(mask), mask) > 0


def test_fine_detail_counts_wherever_it_lies_and_its_lack_costs():
    stripes = torch.zeros(1, 3, 24, 36)
    stripes[..., ::4] = 1
    moved = stripes.roll(1, dims=-1)
    blurred = torch.nn.functional.avg_pool2d(stripes, 3, stride=1, padding=1)
    assert fineness_loss(stripes, stripes) == 0
    assert fineness_loss(moved, stripes) < 0.1 * fineness_loss(blurred, stripes)
    assert fineness_loss(stripes, blurred) == fineness_loss(blurred, stripes)
    assert torch.isfinite(fineness_loss(stripes[..., :1, :2], moved[..., :1, :2]))


def test_a_smooth_picture_learns_by_the_lack_of_detail_without_breaking():
    smooth = torch.full((1, 3, 12, 12), 0.5, requires_grad=True)
    (fineness_loss(smooth + 0, torch.rand(1, 3, 12, 12))).backward()
    assert smooth.grad is not None
    assert torch.isfinite(smooth.grad).all()
