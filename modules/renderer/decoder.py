"""From a map of ray features to pixels: colour (premultiplied) and alpha at one, two or four times the map's size."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def open_gate(alpha: Float[Tensor, "B 1 h w"], upsample: int) -> Float[Tensor, "B 1 H W"]:
    """Return (B, 1, H, W) weights that are 0 wherever no ray near a pixel hit anything: no ghosts far from the head."""
    near = F.max_pool2d(alpha.detach(), 3, stride=1, padding=1)
    if upsample > 1:
        near = F.interpolate(near, scale_factor=upsample, mode="bilinear", align_corners=False)
    return (10 * near).clamp(0, 1)


class PlainDecoder(nn.Module):
    """Take the rays' own colour and alpha as the pixels: a NeRF without a decoder (`upsample` 1)."""

    def forward(
        self,
        features: Float[Tensor, "B C h w"],
        alpha: Float[Tensor, "B 1 h w"],
        extra: Float[Tensor, "B E h w"] | None = None,
    ) -> tuple[Float[Tensor, "B 3 h w"], Float[Tensor, "B 1 h w"]]:
        return features[:, :3], alpha


class ConvDecoder(nn.Module):
    """Sharpen and enlarge ray features.

    Args:
        features: Channels of a ray's features; the first three are its colour.
        extra: Further channels per ray (view direction, maps of landmarks).
        upsample: 2 or 4.
        width: Channels inside.

    Shapes:
        features: (B, C, h, w) summed along the ray; alpha: (B, 1, h, w); extra: (B, E, h, w).
        returns: colour (B, 3, h * up, w * up), premultiplied, and alpha (B, 1, h * up, w * up) in [0, 1].
    """

    def __init__(self, features: int, extra: int, upsample: int, width: int = 32) -> None:
        super().__init__()
        self.upsample = upsample
        self.enter = nn.Conv2d(features + 1 + extra, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        steps: list[nn.Module] = []
        for _ in range(upsample // 4):
            steps += [nn.Conv2d(width, 4 * 16, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
            width = 16
        self.rise = nn.Sequential(*steps)
        self.leave = nn.Conv2d(width, 4 * 4, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        features: Float[Tensor, "B C h w"],
        alpha: Float[Tensor, "B 1 h w"],
        extra: Float[Tensor, "B E h w"] | None = None,
    ) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
        parts = [features, alpha] if extra is None else [features, alpha, extra]
        dtype = self.enter.weight.dtype
        x = torch.cat(parts, dim=1).to(dtype, memory_format=torch.channels_last)
        x = F.relu(self.enter(x))
        for layer in self.body:
            x = F.relu(layer(x)) + x
        rest = self.shuffle(self.leave(self.rise(x))).float()
        base = torch.cat([features[:, :3], alpha], dim=1).float()
        base = F.interpolate(base, scale_factor=self.upsample, mode="bilinear", align_corners=False)
        gate = open_gate(alpha.float(), self.upsample)
        solid = torch.sigmoid(8 * (base[:, 3:] - 0.5) + rest[:, 3:])
        return gate * (base[:, :3] + rest[:, :3]), gate * solid
