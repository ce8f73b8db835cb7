"""A backward warp, column by column: each is a smooth rising curve through knots, so nothing tears or folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from utils.arrays import Reals

_SMALLEST_STEP = 0.02


def rising(knots: Reals) -> Reals:
    """Push knots (K, X) apart so that each column rises by at least 0.02 px a knot."""
    steps = np.arange(len(knots))[:, None] * _SMALLEST_STEP
    return np.maximum.accumulate(knots - steps, axis=0) + steps


def warp_rows(rows: Reals, columns: npt.NDArray[np.integer[Any]], target: Reals, source: Reals, slit: int) -> Reals:
    """Return where each pixel comes from.

    Args:
        rows: (...) rows of the pixels asked for.
        columns: (...) index of each pixel's column into the knots.
        target: (K, X) where the knots are now, rising.
        source: (K, X) where they come from, rising.
        slit: Knot at the upper edge of the gap (lips or lids); the next knot is its lower edge. The two sides
            do not pull on each other.

    Returns:
        (...) source rows: a monotone cubic through the knots; beyond them, moved as the nearest knot is.
    """
    step = np.diff(target, axis=0)
    slope = np.diff(source, axis=0) / step
    tangent = np.ones_like(target)
    a, b = step[:-1], step[1:]
    w1, w2 = 2 * b + a, b + 2 * a
    tangent[1:-1] = (w1 + w2) / (w1 / slope[:-1] + w2 / slope[1:])
    tangent[slit], tangent[slit + 1] = slope[slit - 1], slope[slit + 1]
    last = len(target) - 1
    place = np.zeros(rows.shape, np.intp)
    for k in range(1, last):
        place += rows >= target[k][columns]
    y0, y1 = target[place, columns], target[place + 1, columns]
    h = y1 - y0
    t = np.clip((rows - y0) / h, 0, 1)
    t2, t3 = t * t, t * t * t
    curved = (
        (2 * t3 - 3 * t2 + 1) * source[place, columns]
        + (t3 - 2 * t2 + t) * h * tangent[place, columns]
        + (3 * t2 - 2 * t3) * source[place + 1, columns]
        + (t3 - t2) * h * tangent[place + 1, columns]
    )
    straight = source[slit][columns] + t * (source[slit + 1] - source[slit])[columns]
    curved = np.where(place == slit, straight, curved)
    return curved + np.minimum(rows - target[0][columns], 0) + np.maximum(rows - target[last][columns], 0)


def forward_rows(
    rows: Reals, columns: npt.NDArray[np.integer[Any]], target: Reals, source: Reals, slit: int
) -> Reals:
    """Return where pixels from the source `rows` (...) are now, (...): `warp_rows` inverted by halving, to 0.01 px."""
    low, high = rows - 128.0, rows + 128.0
    for _ in range(15):
        middle = 0.5 * (low + high)
        above = warp_rows(middle, columns, target, source, slit) < rows
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return 0.5 * (low + high)
