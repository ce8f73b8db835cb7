"""Figures with the interval in which they lie, 95 times of 100."""

from __future__ import annotations

import math

import numpy as np

from utils.arrays import Numbers, Reals

DRAWS = 1000
Z = 1.959964
"""Deviations of a Gaussian that hold 95 % of it."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's interval of a share of `count` things that stand or fall each by itself, within 0 and 1.

    It is right for few and for shares near 0 and 1, too, where mean and deviation are not.

    Raises:
        ValueError: There is nothing to count.
    """
    if count < 1:
        raise ValueError("a share of nothing")
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def interval(value: float, again: Reals | list[float]) -> dict[str, float]:
    """Return a figure, and the middle 95 % of what it was on persons that were drawn again."""
    low, high = np.quantile(again, [0.025, 0.975])
    return {"mean": float(value), "low": float(low), "high": float(high)}


def bootstrap(values: Reals, groups: Numbers, seed: int = 0) -> dict[str, float]:
    """Return mean, and the 95 % interval when persons (not rows) are drawn again with replacement.

    Args:
        values: (N,) one figure a row.
        groups: (N,) whose row it is.
    """
    _, inverse = np.unique(groups, return_inverse=True)
    sums = np.bincount(inverse, weights=values)
    counts = np.bincount(inverse)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (DRAWS, len(sums)))
    return interval(values.mean(), sums[drawn].sum(1) / counts[drawn].sum(1))
