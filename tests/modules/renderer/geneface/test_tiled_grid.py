"""RAD-NeRF's grids are looked up as the original's kernels do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from modules.renderer.geneface.tiled_grid import PRIMES, TiledGrid


def looked_up(grid: TiledGrid, point: list[float]) -> list[float]:
    """Look up one point the slow way, corner by corner."""
    out = []
    table = grid.embeddings.detach().double().numpy()
    for level in range(16):
        scale = 16 * 128 ** (level / 15) - 1
        res, start = math.ceil(scale - 1e-6) + 1, int(grid.offsets[level])
        size = int(grid.offsets[level + 1]) - start
        place = [(x + 1) / 2 * scale + 0.5 for x in point]
        total = np.zeros(2)
        for corner in np.ndindex(*[2] * len(point)):
            weight, cell = 1.0, []
            for p, bit in zip(place, corner, strict=True):
                part = p - math.floor(p)
                part = part * part * (3 - 2 * part) if grid.interpolation == "smoothstep" else part
                weight *= part if bit else 1 - part
                cell.append(math.floor(p) + bit)
            index, stride = 0, 1
            for c in cell:
                if stride <= size:
                    index, stride = index + c * stride, stride * (res + 1)
            if grid.kind == "hashgrid" and stride > size:
                index = 0
                for c, prime in zip(cell, PRIMES, strict=False):
                    index ^= c * prime % 2**32
            total += weight * table[start + index % size]
        out += total.tolist()
    return out


@torch.no_grad()
@pytest.mark.parametrize("kind", ["tiledgrid", "hashgrid"])
@pytest.mark.parametrize(("dims", "interpolation"), [(2, "linear"), (3, "linear"), (3, "smoothstep")])
def test_features_are_those_of_the_corners(dims, kind, interpolation):
    torch.manual_seed(dims)
    grid = TiledGrid(dims, kind=kind, interpolation=interpolation)
    grid.embeddings.normal_()
    points = 2 * torch.rand(12, dims) - 1
    looked = grid(points)
    for point, features in zip(points.tolist(), looked.tolist(), strict=True):
        assert features == pytest.approx(looked_up(grid, point), abs=3e-3)  # float32 cells of a 2048th
    assert grid(torch.full((1, dims), 1.01)).abs().max() == 0
    assert grid(torch.full((1, dims), 1.0)).abs().max() > 0
