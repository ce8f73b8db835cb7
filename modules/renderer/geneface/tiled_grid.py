"""The multi-resolution feature grids of RAD-NeRF (torch-ngp's layout): tables of features, looked up in plain torch."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

LEVELS, FEATURES, COARSEST, FINEST, LARGEST = 16, 2, 16, 2048, 2**16
"""Grids, features of a corner, cells along the coarsest and the finest grid, rows of a table at most."""
PRIMES = (1, 2654435761, 805459861)
"""What the coordinates are multiplied by where a table is hashed."""
GROWTH = np.float32(np.log2((FINEST / COARSEST) ** (1 / (LEVELS - 1))))
"""Binary logarithm of the ratio of two neighbouring grids, in the original's precision."""

GridType = Literal["tiledgrid", "hashgrid"]
Interpolation = Literal["linear", "smoothstep"]


def level_scales() -> list[float]:
    """Return the extent of each grid in cells, 15 to 2047, rounded as the original's kernel rounds."""
    return [
        float(np.exp2(np.float32(level) * GROWTH) * np.float32(COARSEST) - np.float32(1)) for level in range(LEVELS)
    ]


def table_offsets(dims: int) -> list[int]:
    """Return where the table of each level begins, and the end of the last."""
    ends = [0]
    for level in range(LEVELS):
        side = int(np.ceil(COARSEST * (FINEST / COARSEST) ** (level / (LEVELS - 1)) - 1e-9)) + 1
        rows = min(LARGEST, side**dims)
        ends.append(ends[-1] + -(-rows // 8) * 8)
    return ends


class TiledGrid(nn.Module):
    """Look up features of points.

    A table too small for its grid is used again and again: row = index modulo its size.

    Args:
        dims: 2 or 3.
        kind: `tiledgrid`, or `hashgrid`, which scatters the rows of large grids.
        interpolation: Between the corners of a cell: `linear` or `smoothstep`.

    Shapes:
        points: (N, dims) in [-1, 1]; outside the features are 0.
        returns: (N, 32), the coarsest grid first.
    """

    def __init__(self, dims: int, *, kind: GridType = "tiledgrid", interpolation: Interpolation = "linear") -> None:
        super().__init__()
        self.dims, self.kind, self.interpolation = dims, kind, interpolation
        self.ends, self.scales = table_offsets(dims), level_scales()
        self.embeddings = nn.Parameter(2e-4 * torch.rand(self.ends[-1], FEATURES) - 1e-4)
        self.offsets: Tensor
        self.register_buffer("offsets", torch.tensor(self.ends, dtype=torch.int32))

    def forward(self, points: Float[Tensor, "N dims"]) -> Float[Tensor, "N 32"]:
        places = (points + 1) / 2
        inside = ((places >= 0) & (places <= 1)).all(dim=-1)
        features = [self._level(places.clamp(0, 1), level) for level in range(LEVELS)]
        return torch.cat(features, dim=-1) * inside[:, None]

    def _level(self, places: Tensor, level: int) -> Tensor:
        scale, start = self.scales[level], self.ends[level]
        size = self.ends[level + 1] - start
        side = int(np.ceil(scale)) + 2
        position = places * scale + 0.5
        low = position.floor()
        part = position - low
        if self.interpolation == "smoothstep":
            part = part * part * (3 - 2 * part)
        corner = low.long()
        total = places.new_zeros(len(places), FEATURES)
        for number in range(2**self.dims):
            bits = [number >> axis & 1 for axis in range(self.dims)]
            weight = torch.ones_like(part[:, 0])
            for axis, bit in enumerate(bits):
                weight = weight * (part[:, axis] if bit else 1 - part[:, axis])
            rows = self._rows(corner + corner.new_tensor(bits), side, size)
            total = total + weight[:, None] * self.embeddings[start + rows]
        return total

    def _rows(self, corner: Tensor, side: int, size: int) -> Tensor:
        """Return the rows of the table that hold corners (N, dims) of a grid of `side` corners."""
        stride, index = 1, torch.zeros_like(corner[:, 0])
        for axis in range(self.dims):
            if stride <= size:
                index = index + corner[:, axis] * stride
                stride *= side
        if self.kind == "hashgrid" and stride > size:
            index = torch.zeros_like(index)
            for axis in range(self.dims):
                index = index ^ (corner[:, axis] * PRIMES[axis] & 0xFFFFFFFF)
        return (index & 0xFFFFFFFF) % size
