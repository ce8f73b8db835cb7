"""Values over time, shot by shot."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from utils.arrays import Reals


def shot_ranges(count: int, cuts: Iterable[int] = ()) -> list[tuple[int, int]]:
    """Split `count` frames at `cuts` (first frame of each new shot) into [start, stop) ranges."""
    inner = sorted({int(cut) for cut in cuts if 0 < int(cut) < count})
    bounds = [0, *inner, count]
    return [(start, stop) for start, stop in itertools.pairwise(bounds) if stop > start]


def smooth_over_time(values: Reals, sigma: float, cuts: Iterable[int] = ()) -> Reals:
    """Smooth values (T, ...) along time with a zero-phase Gaussian that never crosses a cut.

    Args:
        values: Anything sampled once a frame.
        sigma: Standard deviation of the Gaussian in frames; 0 returns a copy.
        cuts: First frame of each new shot.

    Near the ends of a shot the kernel is cut off and renormalised, so a constant stays a constant.
    """
    if sigma <= 0:
        return np.array(values)
    radius = max(1, int(np.ceil(3.5 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return filter_over_time(values, kernel, cuts)


def filter_over_time(values: Reals, kernel: Reals, cuts: Iterable[int] = ()) -> Reals:
    """Average values (T, ...) along time with the weights of an odd `kernel`, shot by shot."""
    radius = len(kernel) // 2
    result = np.empty_like(values)
    for start, stop in shot_ranges(len(values), cuts):
        shot = np.asarray(values[start:stop], dtype=np.float64)
        total = np.zeros_like(shot)
        weight = np.zeros(len(shot))
        for shift in range(-radius, radius + 1):
            into = slice(max(0, -shift), min(len(shot), len(shot) - shift))
            if into.stop <= into.start:
                continue
            total[into] += kernel[shift + radius] * shot[into.start + shift : into.stop + shift]
            weight[into] += kernel[shift + radius]
        result[start:stop] = total / weight.reshape(-1, *[1] * (shot.ndim - 1))
    return result
