"""Losses on pictures whose answer is plain."""

from __future__ import annotations

import torch

from modules.renderer.losses import coarse_mask_loss, ssim_map


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
