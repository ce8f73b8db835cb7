"""Give gradients back to a table of planes on a processor."""

from __future__ import annotations

from modules.renderer.loops.compiling import loop


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
