"""Where along a ray the field is asked, and how the answers add up.

Distances are in head units (one eye distance). A ray is cut into `S` equal bins by the coarse march; the fine samples
follow the coarse weights through the inverse of their cumulative sum. Without jitter all of it is deterministic.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bin_positions(near: Tensor, far: Tensor, count: int, jitter: Tensor | None = None) -> Tensor:
    """Return one position (N, count) in each of `count` equal bins: its middle, or where `jitter` in [0, 1) says."""
    offset = 0.5 if jitter is None else jitter
    steps = torch.arange(count, device=near.device, dtype=near.dtype)
    return near[:, None] + (steps + offset) * ((far - near) / count)[:, None]


def composite_weights(density: Tensor, lengths: Tensor) -> Tensor:
    """Return how much each sample adds to the pixel.

    Args:
        density: (N, S) absorption per head unit, >= 0, front to back.
        lengths: (N, S) length of ray that each sample stands for.

    Returns:
        (N, S) weights; their sum is the ray's alpha, at most 1.
    """
    absorbed = density * lengths
    passed = torch.exp(absorbed - absorbed.cumsum(dim=-1))
    return passed * -torch.expm1(-absorbed)


def inverse_cdf(weights: Tensor, near: Tensor, far: Tensor, count: int, jitter: Tensor | None = None) -> Tensor:
    """Place `count` samples on each ray so that they are as dense as the coarse weights.

    Args:
        weights: (N, S) coarse weights of the `S` equal bins between `near` and `far`.
        near: (N,) start of the rays.
        far: (N,) end of the rays.
        count: Samples wanted on a ray.
        jitter: (N, count) in [0, 1): the place of each sample in its slice of the sum; the middle when None.

    Returns:
        (N, count) distances in rising order.
    """
    padded = weights + 1e-2 / weights.shape[-1]
    cdf = padded.cumsum(dim=-1)
    return invert_cdf(cdf / cdf[:, -1:], near, far, count, jitter)


def invert_cdf(cdf: Tensor, near: Tensor, far: Tensor, count: int, jitter: Tensor | None = None) -> Tensor:
    """Do the second half of `inverse_cdf`, from the sums (N, S) of the bins' shares, which rise to 1."""
    bins = cdf.shape[-1]
    steps = torch.arange(count, device=cdf.device, dtype=cdf.dtype)
    wanted = ((steps + (0.5 if jitter is None else jitter)) / count).expand(cdf.shape[0], count).contiguous()
    index = torch.searchsorted(cdf, wanted).clamp(max=bins - 1)
    high = cdf.gather(1, index)
    low = torch.where(index > 0, cdf.gather(1, (index - 1).clamp(min=0)), torch.zeros_like(high))
    part = ((wanted - low) / (high - low).clamp(min=1e-8)).clamp(0, 1)
    return near[:, None] + (index + part) * ((far - near) / bins)[:, None]


def sample_edges(positions: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """Return the (N, S + 1) edges of the pieces of ray that (N, S) sorted positions stand for.

    Inner edges lie midway between neighbours; the outer ones mirror them, but stay between `near` and `far`.
    """
    if positions.shape[-1] == 1:
        return torch.stack([near, far], dim=-1)
    middle = (positions[:, 1:] + positions[:, :-1]) / 2
    first = torch.maximum(2 * positions[:, :1] - middle[:, :1], near[:, None])
    last = torch.minimum(2 * positions[:, -1:] - middle[:, -1:], far[:, None])
    return torch.cat([first, middle, last], dim=-1)


def coarse_bound(coarse: Tensor, edges: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """Return what the coarse bins touched by each fine piece weigh together: (N, S - 1) for (N, S) edges."""
    bins = coarse.shape[-1]
    place = (edges - near[:, None]) * (bins / (far - near).clamp(min=1e-6))[:, None]
    total = torch.nn.functional.pad(coarse.cumsum(dim=-1), (1, 0))
    low = place[:, :-1].floor().long().clamp(0, bins)
    high = place[:, 1:].ceil().long().clamp(0, bins)
    return total.gather(1, torch.maximum(high, low)) - total.gather(1, low)


POOLED_BINS = 32
"""Samples that are bundled in bins much narrower than those a field was trained with see too little of its surface, and
it turns transparent. With wide bins, finer coarse steps only make it better known how much lies in each."""


def pooled_ends(total: Tensor) -> Tensor:
    """Keep, of running sums (N, S) over the bins of rays, those at the ends of at most `POOLED_BINS` wider bins."""
    count = total.shape[-1]
    if count <= POOLED_BINS:
        return total
    return total[:, torch.arange(1, POOLED_BINS + 1, device=total.device) * count // POOLED_BINS - 1]


def pooled(weights: Tensor) -> Tensor:
    """Add up the weights (N, S) of neighbouring bins until at most `POOLED_BINS` are left."""
    if weights.shape[-1] <= POOLED_BINS:
        return weights
    total = pooled_ends(weights.cumsum(dim=-1))
    return torch.cat([total[:, :1], total.diff(dim=-1)], dim=-1)
