"""Give gradients back to tables of planes on a processor."""

from __future__ import annotations

import numpy as np

from modules.renderer.loops.compiling import loop

BLOCK = 4096
"""Numbers of a row that are summed before the next row: they stay in the nearest cache."""


@loop
def spread(rows, weights, gradient, out):  # type: ignore[no-untyped-def]
    """Add to the rows of a table what the points that read them pass back, one point after the other.

    Args:
        rows: (N, T) int32. weights: (N, T). gradient: (N, C).
        out: (R, C), added to.
    """
    for n in range(len(rows)):
        for t in range(rows.shape[1]):
            row, weight = rows[n, t], weights[n, t]
            for c in range(gradient.shape[1]):
                out[row, c] += weight * gradient[n, c]


@loop
def spread_over_bases(weights, gradient, out):  # type: ignore[no-untyped-def]
    """Write what blends of bases pass back to these: a matrix product so flat that libraries are slow at it.

    Args:
        weights: (B, K). gradient: (B, N).
        out: (K, N), overwritten with weights^T gradient.
    """
    size = gradient.shape[1]
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        for k in range(weights.shape[1]):
            weight = weights[0, k]
            for n in range(start, stop):
                out[k, n] = weight * gradient[0, n]
            for b in range(1, weights.shape[0]):
                weight = weights[b, k]
                for n in range(start, stop):
                    out[k, n] += weight * gradient[b, n]


@loop
def roughness(plane, gradient):  # type: ignore[no-untyped-def]
    """Return the sum of the mean squared differences down and across a plane, and write its gradient.

    Args:
        plane: (R, R, C).
        gradient: (R, R, C) of zeros, added to.
    """
    size, channels = plane.shape[0], plane.shape[2]
    count = np.float32(size * (size - 1) * channels)
    total = np.float64(0)
    for row in range(size):
        part = np.float32(0)
        for column in range(size):
            for c in range(channels):
                here = plane[row, column, c]
                if row + 1 < size:
                    step = plane[row + 1, column, c] - here
                    part += step * step
                    gradient[row, column, c] -= 2 * step / count
                    gradient[row + 1, column, c] += 2 * step / count
                if column + 1 < size:
                    step = plane[row, column + 1, c] - here
                    part += step * step
                    gradient[row, column, c] -= 2 * step / count
                    gradient[row, column + 1, c] += 2 * step / count
        total += part
    return total / count
