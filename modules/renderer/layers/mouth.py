"""The inside of the mouth: teeth have a place in the skull and in the jaw, whatever the lips around them do."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

UPPER, LOWER = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]
"""Landmarks of the inner lips, from the left corner to the right one."""
MIDDLE = [61, 62, 63], [65, 66, 67]
"""Of these, those that say where the upper lip and where the lower one is."""
ROOM = 1.3
"""How much wider than the mouth usually is what a texture shows; it is half as high as wide."""
BEYOND, EDGE = 0.01, 0.03
"""So far over the lips what is drawn reaches, and from there it fades; eye distances."""
SHUT, APART = 0.01, 0.04
"""Lips that are up to the first apart show nothing, from the second on all; eye distances."""
NEAR = 0.1
"""Distances from a lip are told up to this, eye distances."""


class Opening(NamedTuple):
    """What there is between the lips, in a plane through the mouth that is fixed to the skull.

    places: (B, h, w, 2) where the pixels lie in it, x and y of the head frame, eye distances.
    lips: (B, 68, 2) where the landmarks do.
    usual: (68, 2) where they do on average.
    """

    places: Tensor
    lips: Tensor
    usual: Tensor


def on_plane(points: Tensor, eye: Tensor, depth: Tensor) -> Tensor:
    """Return where points (..., 3) are seen in the plane z = depth from an `eye` (3,) before it: x and y (..., 2)."""
    way = points - eye
    return eye[:2] + (depth - eye[2]) / way[..., 2:].clamp(max=-1e-4) * way[..., :2]


class MouthLayer(nn.Module):
    """Draw finer what a portrait shows between the lips.

    Two learned textures are read at each pixel, one that is fixed to the skull and one that goes with the lower lip.
    With the colours that are there, and how far the lips are, they go through four convolutions at full resolution.

    Args:
        size: Texels across a texture; half as many down.
        features: Channels of each of them.
        width: Channels inside.

    Shapes:
        colour: (B, 3, h, w) the drawing, [0, 1].
        returns: (B, 3, h, w), the same as it was where there are lips or where they are shut.
    """

    def __init__(self, size: int, *, features: int = 8, width: int = 24) -> None:
        super().__init__()
        self.textures = nn.Parameter(0.1 * torch.randn(2, features, max(2, size // 2), size))
        self.enter = nn.Conv2d(3 + 2 * features + 2, width, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.leave = nn.Conv2d(width, 3, 3, padding=1)
        for parameter in self.leave.parameters():  # what is drawn passes unchanged at first
            nn.init.zeros_(parameter)

    def forward(self, colour: Float[Tensor, "B 3 h w"], opening: Opening) -> Float[Tensor, "B 3 h w"]:
        inside, near = between_lips(opening)
        x = torch.cat([colour - 0.5, *self._read(opening), near], dim=1)
        x = x.to(self.enter.weight.dtype, memory_format=torch.channels_last)
        x = F.relu(self.enter(x))
        for layer in self.body:
            x = x + F.relu(layer(x))
        return colour + inside * self.leave(x).to(colour.dtype)

    def _read(self, opening: Opening) -> tuple[Tensor, Tensor]:
        """Return what the textures hold at the pixels, (B, features, h, w) each."""
        usual = opening.usual
        half = ROOM / 2 * (usual[UPPER[-1], 0] - usual[UPPER[0], 0]).clamp(min=1e-3)
        across = (opening.places[..., 0] - (usual[UPPER[-1], 0] + usual[UPPER[0], 0]) / 2) / half
        upper = usual[MIDDLE[0], 1].mean().expand(len(across))
        lower = opening.lips[:, MIDDLE[1], 1].mean(dim=1)
        read = []
        for texture, middle in zip(self.textures.float(), (upper, lower), strict=True):
            down = (middle[:, None, None] - opening.places[..., 1]) / (half / 2)
            grid, texels = torch.stack([across, down], dim=-1), texture.expand(len(across), -1, -1, -1)
            read.append(F.grid_sample(texels, grid, padding_mode="border", align_corners=False))
        return read[0], read[1]


def between_lips(opening: Opening) -> tuple[Tensor, Tensor]:
    """Return how much of each pixel lies between parted lips (B, 1, h, w), and how far both lips are (B, 2, h, w)."""
    x, y = opening.places.unbind(-1)
    top, bottom = (_line(opening.lips[:, points], x) for points in (UPPER, LOWER))
    near = torch.stack([top - y, y - bottom], dim=1)
    left, right = (opening.lips[:, points[0], 0, None, None] for points in (UPPER, UPPER[::-1]))
    least = torch.minimum(near.amin(dim=1), torch.minimum(x - left, right - x))
    parted = ((top - bottom - SHUT) / (APART - SHUT)).clamp(0, 1)
    inside = parted * ((least + BEYOND + EDGE) / EDGE).clamp(0, 1)
    return inside[:, None], (near / NEAR).clamp(-1, 1)


def _line(knots: Tensor, x: Tensor) -> Tensor:
    """Return how high a line through knots (B, N, 2), from left to right, is at some places (B, h, w)."""
    wide = knots.diff(dim=1).clamp(min=1e-4)[..., 0]
    steep = knots[..., 1].diff(dim=1) / wide
    high = knots[:, 0, 1, None, None].expand_as(x)
    for index in range(wide.shape[1]):
        way = (x - knots[:, index, 0, None, None]).clamp(min=0)
        high = high + steep[:, index, None, None] * torch.minimum(way, wide[:, index, None, None])
    return high
