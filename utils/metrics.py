"""How near a picture is to the true one: PSNR, SSIM, LPIPS.

Pictures are RGB uint8 (H, W, 3). A box is (x0, y0, x1, y1) in pixels, the corner x1, y1 excluded.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Box = tuple[int, int, int, int]


def crop(picture: Bytes, box: Box | None) -> Bytes:
    """Cut a box out of a picture; None leaves it whole. A box beyond the border is cut at it."""
    if box is None:
        return picture
    x0, y0, x1, y1 = box
    return picture[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]


def points_box(points: Floats, margin: float, height: int, width: int) -> Box:
    """Return the box around points (N, 2), widened by `margin` of its larger side, inside the picture.

    A box always holds at least one pixel.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extra = margin * float((high - low).max())
    x0, y0 = (int(v) for v in np.floor(low - extra))
    x1, y1 = (int(v) for v in np.ceil(high + extra))
    x0, y0 = min(max(x0, 0), width - 1), min(max(y0, 0), height - 1)
    return x0, y0, min(max(x1, x0 + 1), width), min(max(y1, y0 + 1), height)


def psnr(picture: Bytes, truth: Bytes, box: Box | None = None) -> float:
    """Return the peak signal-to-noise ratio in decibels; 100 when the pictures are equal."""
    error = crop(picture, box).astype(np.float64) - crop(truth, box).astype(np.float64)
    mean = float(np.square(error).mean()) / 255**2
    return 100.0 if mean <= 1e-10 else -10 * math.log10(mean)


def ssim(picture: Bytes, truth: Bytes, box: Box | None = None) -> float:
    """Return the structural similarity (at most 1): Gaussian window of deviation 1.5, mean over the colours."""
    import cv2

    a, b = (crop(p, box).astype(np.float64) for p in (picture, truth))

    def mean(x: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(
        (((2 * mean_a * mean_b + c1) * (2 * both + c2)) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()
    )


def make_lpips(weights: Path) -> nn.Module:
    """Build LPIPS v0.1 over AlexNet from a safetensors file; it is frozen, gradients reach the pictures only.

    Shapes:
        picture, truth: (B, 3, H, W) RGB in [0, 1], at least 32 pixels a side.
        returns: (B,) distances; 0 for equal pictures.
    """
    import torch
    from safetensors.torch import load_file
    from torch import nn

    class Lpips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = [
                nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
                nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
                nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
            ]  # fmt: skip
            self.features = nn.Sequential(*layers)
            self.heads = nn.ParameterList(nn.Parameter(torch.zeros(1, c, 1, 1)) for c in (64, 192, 384, 256, 256))
            self.mean: Tensor
            self.deviation: Tensor
            self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
            self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

        def _levels(self, picture: Tensor) -> list[Tensor]:
            x, out = (picture - self.mean) / self.deviation, []
            for layer in self.features:
                x = layer(x)
                if isinstance(layer, nn.ReLU):
                    out.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
            return out

        def forward(self, picture: Tensor, truth: Tensor) -> Tensor:
            pairs = zip(self._levels(picture), self._levels(truth), self.heads, strict=True)
            parts = [((a - b).square() * head).sum(dim=1).mean(dim=(1, 2)) for a, b, head in pairs]
            return torch.stack(parts).sum(dim=0)

    tensors = load_file(weights)
    net = Lpips()
    state = {name: value for name, value in tensors.items() if name.startswith("features.")}
    state |= {f"heads.{i}": tensors[f"lin{i}.model.1.weight"] for i in range(5)}
    net.load_state_dict(state, strict=False)
    return net.eval().requires_grad_(False)
