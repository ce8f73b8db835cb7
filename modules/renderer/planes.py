"""Feature planes as one table of rows, read by bilinear taps.

A tri-plane of resolution R holds 3 * R * R rows: the planes xy, xz and yz one after the other. A point reads four rows
of each. All reads of a point are one weighted bag, several times faster on a CPU than sampling images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

AXES = ((0, 1), (0, 2), (1, 2))


def plane_taps(places: Tensor, resolutions: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Say which 12 rows of each of several tri-planes a point reads, and with which weights.

    Args:
        places: (N, 3 * M) positions in [-1, 1] in each of M tri-planes; one outside reads the border.
        resolutions: Rows and columns of the planes; their tables follow one another.

    Returns:
        rows: (N, 12 * M) int32.
        weights: (N, 12 * M); each plane's four add up to 1.
    """
    places = places.T.contiguous()  # long rows: the arithmetic below runs along them
    rows, weights, first = [], [], 0
    for number, size in enumerate(resolutions):
        place = (places[3 * number : 3 * number + 3].clamp(-1, 1) + 1) * (0.5 * (size - 1))
        place = place.clamp(max=size - 1 - 1e-4)
        cell = place.to(torch.int32)
        part = place - cell
        rest = 1 - part
        for across, down in AXES:
            corner = cell[down] * size + cell[across] + first
            rows += [corner, corner + 1, corner + size, corner + (size + 1)]
            left, right, top, bottom = rest[across], part[across], rest[down], part[down]
            weights += [left * top, right * top, left * bottom, right * bottom]
            first += size * size
    return torch.stack(rows, dim=1), torch.stack(weights, dim=1)


def border_fade(points: Tensor, width: float = 0.12) -> Tensor:
    """Return (N, 1) weights that fall from 1 to 0 over the last `width` before the faces of the box [-1, 1]^3."""
    return ((1 - points.abs().amax(dim=-1, keepdim=True)) / width).clamp(0, 1)


def read_table(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return (N, C) weighted sums of the table's rows; gradients reach the table only."""
    return _ReadTable.apply(table, rows, weights)  # type: ignore[no-any-return]


class _ReadTable(torch.autograd.Function):
    """A weighted bag whose backward is a loop over its taps on a processor: many times the stock one's speed."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.table_rows = table.shape[0]
        return F.embedding_bag(rows, table, per_sample_weights=weights.to(table.dtype), mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weights = ctx.saved_tensors
        gradient = gradients[0].to(weights.dtype)
        if gradient.is_cuda:
            spread = (gradient[:, None] * weights[..., None]).flatten(0, 1)
            out = gradient.new_zeros(ctx.table_rows, gradient.shape[1])
            return out.index_add_(0, rows.flatten(), spread), None, None
        from modules.renderer.loops.tables import spread  # numba waits until something is learnt on a processor

        out = gradient.new_zeros(ctx.table_rows, gradient.shape[1])
        spread(rows.numpy(), weights.numpy(), gradient.contiguous().numpy(), out.numpy())
        return out, None, None


def blend(weights: Tensor, bases: Tensor) -> Tensor:
    """Return (B, N) sums of bases (K, N), weighted by (B, K)."""
    return weights @ bases if bases.is_cuda else _Blend.apply(weights, bases)  # type: ignore[no-any-return]


class _Blend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, bases: Tensor) -> Tensor:
        ctx.save_for_backward(weights, bases)
        return weights @ bases

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        from modules.renderer.loops.tables import spread_over_bases  # numba waits until something is learnt

        weights, bases = ctx.saved_tensors
        gradient = gradients[0].to(bases.dtype).contiguous()
        out = torch.empty_like(bases)
        spread_over_bases(weights.to(bases.dtype).contiguous().numpy(), gradient.numpy(), out.numpy())
        return (gradient @ bases.T).to(weights.dtype), out


def _fade(at: Sequence[Tensor], size: int, width: float = 0.12) -> Tensor:
    """Return `border_fade` of places given axis by axis in cells."""
    half = (size - 1) / 2
    x, y, z = ((a - half).abs() for a in at)
    return ((half - torch.maximum(torch.maximum(x, y), z)) * (1 / (half * width))).clamp(0, 1)


class TapMatrices:
    """Find all taps of samples by three matrix products: a processor is quicker at these than at interleaving columns.

    A row's number is linear in the cell, its weight a product of two factors that are linear in the place in the cell.
    The numbers stay whole in float32 up to 2^24 rows.

    Args:
        sizes: Resolutions of one or two tri-planes that follow one another in the table.
    """

    def __init__(self, sizes: tuple[int, ...], *, device: torch.device | None = None) -> None:
        self.sizes = sizes
        axes = 3 * len(sizes)
        self.rows, self.down, self.across = (torch.zeros(12 * len(sizes), k) for k in (axes, 2 * axes + 1, axes))
        self.first_row, self.rest_down, self.rest_across = (torch.zeros(12 * len(sizes)) for _ in range(3))
        column = first = 0
        for number, size in enumerate(sizes):
            for across, down in AXES:
                for corner in range(4):
                    low, right = divmod(corner, 2)
                    a, d = 3 * number + across, 3 * number + down
                    self.rows[column, d], self.rows[column, a] = size, 1
                    self.first_row[column] = first + low * size + right
                    self.across[column, a], self.rest_across[column] = (1, 0) if right else (-1, 1)
                    faded = axes if number else 0
                    self.down[column, d + faded] = 1 if low else -1
                    if not low:
                        if number:
                            self.down[column, -1] = 1
                        else:
                            self.rest_down[column] = 1
                    column += 1
                first += size * size
        if first >= 2**24:
            raise ValueError(f"planes of {sizes} have too many rows to be numbered in float32")
        for name, value in list(vars(self).items()):
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))

    def taps(self, start: Tensor, slope: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Find the taps of samples of rays.

        Args:
            start: (3 * M, 1) the rays' common origin in cells of each of M tri-planes, or (3 * M, N).
            slope: (3 * M, N) cells per unit of distance.
            steps: (S, N) distances.

        Returns:
            rows (S * N, 12 * M) int32 and their weights, the first samples of all rays first.
        """
        at = torch.addcmul(start[:, None, :], steps[None], slope[:, None, :]).flatten(1)
        fade = torch.ones_like(at[0])
        parts = []
        for number, size in enumerate(self.sizes):
            inside = at[3 * number : 3 * number + 3]
            if number:
                fade = _fade(inside.unbind(), size)
            parts.append(inside.clamp_(0, size - 1 - 1e-4).frac())
        part = torch.cat(parts)
        cells = at.sub_(part).T
        exact = torch.float64 if cells.is_cuda else cells.dtype  # a GPU may round float32 products
        rows = torch.addmm(self.first_row.to(exact), cells.to(exact), self.rows.T.to(exact)).to(torch.int32)
        factors = torch.cat([part, part * fade, fade[None]])
        weights = torch.addmm(self.rest_down, factors.T, self.down.T)
        return rows, weights.mul_(torch.addmm(self.rest_across, part.T, self.across.T))

    def read(self, table: Tensor, start: Tensor, slope: Tensor, steps: Tensor) -> Tensor:
        """Return (S * N, C) weighted sums of the rows of a table that samples of rays read."""
        rows, weights = self.taps(start, slope, steps)
        return F.embedding_bag(rows, table, per_sample_weights=weights.to(table.dtype), mode="sum")


def grid_rows(points: Tensor, resolution: int) -> Tensor:
    """Return (N,) int64 indices of the cells of a flat grid (resolution^3, z slowest) that points in [-1, 1] lie in."""
    cell = ((points + 1) * (0.5 * resolution)).clamp(0, resolution - 1e-3).to(torch.int64)
    return (cell[..., 2] * resolution + cell[..., 1]) * resolution + cell[..., 0]


def plane_roughness(table: Tensor, resolution: int, plane: int) -> Tensor:
    """Return the mean squared difference of neighbouring rows of one of a tri-plane's planes (0, 1 or 2)."""
    rows = resolution * resolution
    image = table[plane * rows : (plane + 1) * rows].view(resolution, resolution, -1)
    if not image.is_cuda:
        return _Roughness.apply(image)  # type: ignore[no-any-return]
    return image.diff(dim=0).square().mean() + image.diff(dim=1).square().mean()


class _Roughness(torch.autograd.Function):
    """The same in one pass over the plane, which finds the gradient as well."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        from modules.renderer.loops.tables import roughness  # numba waits until something is learnt on a processor

        image, gradient = image.detach().float().contiguous(), torch.zeros_like(image, dtype=torch.float32)
        ctx.save_for_backward(gradient)
        return torch.tensor(roughness(image.numpy(), gradient.numpy()), dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0]
