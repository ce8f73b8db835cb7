"""How far a render is from its frame: box by box, and as LPIPS sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.arrays import Bytes
from utils.metrics import Box, psnr, ssim

LPIPS_DECIBELS = 100
"""Decibels that a distance of 1 in LPIPS is held to be worth when checkpoints are compared."""
PERCEPTUAL_SIDE = 64
"""Smallest side in pixels of a picture that LPIPS judges; smaller ones are enlarged."""


def judge(
    picture: Bytes,
    truth: Bytes,
    boxes: Mapping[str, Box | None],
    lpips: Callable[[Bytes, Bytes, Box | None], float | None] | None = None,
) -> dict[str, float]:
    """Compare a picture (H, W, 3) RGB with its frame in some boxes.

    Args:
        picture: What was rendered.
        truth: The frame.
        boxes: Name -> (x0, y0, x1, y1) in pixels; None is the whole picture.
        lpips: Judges two pictures in a box, None where its weights are not here; given, SSIM is measured too.

    Returns:
        `<box>_psnr` in decibels; with `lpips` also `<box>_ssim` and `<box>_lpips`.
    """
    figures: dict[str, float] = {}
    for name, box in boxes.items():
        figures[f"{name}_psnr"] = psnr(picture, truth, box)
        if lpips is None:
            continue
        figures[f"{name}_ssim"] = ssim(picture, truth, box)
        if (distance := lpips(picture, truth, box)) is not None:
            figures[f"{name}_lpips"] = distance
    return figures


def perceptual_loss(net: torch.nn.Module, picture: Tensor, truth: Tensor) -> Tensor:
    """Return the mean LPIPS of pictures (B, 3, H, W) in [0, 1]; small ones are enlarged first."""
    side = min(picture.shape[-2:])
    if side < PERCEPTUAL_SIDE:
        factor = PERCEPTUAL_SIDE / side
        picture, truth = (F.interpolate(x, scale_factor=factor, mode="bilinear") for x in (picture, truth))
    return net(picture, truth).mean()  # type: ignore[no-any-return]
