"""How far a render is from its frame, as LPIPS sees it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LPIPS_DECIBELS = 100
"""Decibels that a distance of 1 in LPIPS is held to be worth when checkpoints are compared."""
PERCEPTUAL_SIDE = 64
"""Smallest side in pixels of a picture that LPIPS judges; smaller ones are enlarged."""


def perceptual_loss(net: torch.nn.Module, picture: Tensor, truth: Tensor) -> Tensor:
    """Return the mean LPIPS of pictures (B, 3, H, W) in [0, 1]; small ones are enlarged first."""
    side = min(picture.shape[-2:])
    if side < PERCEPTUAL_SIDE:
        factor = PERCEPTUAL_SIDE / side
        picture, truth = (F.interpolate(x, scale_factor=factor, mode="bilinear") for x in (picture, truth))
    return net(picture, truth).mean()  # type: ignore[no-any-return]
