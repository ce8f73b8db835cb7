"""The portrait layer: a render of the lower face becomes part of the true frame around it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

OPEN = 2.0
"""The mask's logit at the start: what is drawn is shown."""
STEEP = 4.0
"""How much quicker than colours the mask learns."""


class PortraitLayer(nn.Module):
    """Match a rendered lower face to the frame around it, and say where it covers the frame.

    It sees the render, the rays' features it was made of, the true frame with the lower face taken out, and where the
    landmarks of the face to draw and of the face that is covered fall. It works at the size of the ray map, with one
    step down and up again, so that the light around a face reaches its middle. The mask is made below and enlarged, so
    that nothing but the colours is fine.

    Args:
        features: Channels of a ray's features; extra: of the maps beside them, see `low`.
        upsample: Pixels per ray along each side.
        width: Channels inside; three times as many below.

    Shapes:
        drawn: (B, 3, H, W) the render over the footage's torso, [0, 1]; H and W are `2 * upsample` times something.
        around: (B, 4, H, W) the true frame without the lower face, [0, 1], and 1 where it was taken out.
        low: (B, features + extra, H / upsample, W / upsample) ray features, their alpha, maps of landmarks.
        returns: colour (B, 3, H, W), [0, 1], and the mask (B, 1, H, W) in [0, 1], which holds where `around` is empty.
    """

    def __init__(self, features: int, extra: int, upsample: int, width: int = 16) -> None:
        super().__init__()
        self.upsample = upsample
        self.enter = nn.Conv2d(7 * upsample**2 + features + extra, width, 3, padding=1)
        self.down = nn.Conv2d(width, 3 * width, 3, stride=2, padding=1)
        self.below = nn.ModuleList(nn.Conv2d(3 * width, 3 * width, 3, padding=1) for _ in range(4))
        self.up = nn.Conv2d(3 * width, 4 * width, 3, padding=1)
        self.after = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, 3 * upsample**2, 3, padding=1)
        self.cover = nn.Conv2d(3 * width, 1, 3, padding=1)
        for layer in (self.leave, self.cover):  # what is drawn passes unchanged at first
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, drawn: Float[Tensor, "B 3 H W"], around: Float[Tensor, "B 4 H W"], low: Float[Tensor, "B E h w"]
    ) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
        fine = F.pixel_unshuffle(torch.cat([drawn, around], dim=1), self.upsample)
        x = torch.cat([fine, low], dim=1).to(self.enter.weight.dtype, memory_format=torch.channels_last)
        x = F.relu(self.enter(x))
        below = F.relu(self.down(x))
        for layer in self.below:
            below = below + F.relu(layer(below))
        x = x + F.pixel_shuffle(self.up(below), 2)
        x = x + F.relu(self.after(x))
        change = F.pixel_shuffle(self.leave(x), self.upsample).float()
        mask = torch.sigmoid(OPEN + STEEP * self.cover(below).float())
        mask = F.interpolate(mask, scale_factor=2 * self.upsample, mode="bilinear", align_corners=False)
        return drawn + change, mask

