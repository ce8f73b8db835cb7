"""How far a render is from its frame: box by box, and as LPIPS sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from utils.arrays import Bytes, Reals
from utils.faces.landmarks import INNER_LIPS, eye_distance, lip_gap
from utils.metrics import Box, points_box, psnr, ssim

LPIPS_DECIBELS = 100
"""Decibels that a distance of 1 in LPIPS is held to be worth when checkpoints are compared."""
PERCEPTUAL_SIDE = 64
"""Smallest side in pixels of a picture that LPIPS judges; smaller ones are enlarged."""
APART = 0.05
"""Lips that are less apart than so many eye distances show nothing of what is between them."""


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


class Sharpness:
    """Measure how fine in pictures is what the lips show when they are apart: teeth, tongue, the dark.

    That is the energy of the Laplacian of the brightness, a pixel between the inner lips. A blurred picture has less of
    it than the real one, one with noise more; it says nothing of where the edges lie.
    """

    def __init__(self) -> None:
        self._energy, self._pixels = 0.0, 0

    def see(self, picture: Bytes, points_px: Reals) -> None:
        """Take in a picture (H, W, 3) RGB with its landmarks (68, 2), pixels; NaN where there is no face."""
        energy, pixels = _inside_lips(picture, points_px)
        self._energy += energy
        self._pixels += pixels

    def against(self, real: Sharpness) -> float | None:
        """Return the energy over that of real pictures; 1 is as sharp. None where no lips were apart in either."""
        if not self._pixels or not real._energy:
            return None
        return self._energy / self._pixels / (real._energy / real._pixels)


def _inside_lips(picture: Bytes, points_px: Reals) -> tuple[float, int]:
    """Return the sum of squares of the brightness's Laplacian between the inner lips, and the pixels there."""
    import cv2

    if not lip_gap(points_px) > APART * eye_distance(points_px):
        return 0.0, 0
    lips = np.asarray(points_px[INNER_LIPS], np.float64)
    x0, y0, x1, y1 = points_box(lips, 0.0, *picture.shape[:2])
    inside = np.zeros(picture.shape[:2], np.uint8)
    fine = 4  # bits after the point
    cv2.fillPoly(inside, [np.round((lips - 0.5) * 2**fine).astype(np.int32)], (1,), shift=fine)
    around = slice(max(0, y0 - 2), y1 + 2), slice(max(0, x0 - 2), x1 + 2)
    grey = cv2.cvtColor(np.ascontiguousarray(picture[around]), cv2.COLOR_RGB2GRAY)
    where = inside[around] > 0
    return float(np.square(cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F))[where].sum()), int(where.sum())
