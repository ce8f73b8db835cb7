"""Lay a drawn part of a picture into a true one on a processor, in one pass over the pixels."""

from __future__ import annotations

import numpy as np

from modules.renderer.loops.compiling import loop

ZERO, ONE = np.float32(0), np.float32(1)
BYTE = np.float32(255)


@loop
def keep_outline(mask, solid, depth, clear, moved, covered, out):  # type: ignore[no-untyped-def]
    """Say how much of each pixel a drawing covers, when outlines that stay where they were are to be the true frame's.

    Args:
        mask, solid: (h, w) uint8, how much it would cover, and how much of a head is drawn there.
        depth: (h, w) float32, the mean of the true head's mask around a pixel, 0..255. clear: See `outline.CLEAR`.
        moved: (h, w) float32, how much the outline leaves its place. covered: (h, w) float32, what lies before all.
        out: (h, w) float32 in [0, 1].
    """
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            inside = (np.float32(2) * depth[y, x] / BYTE - ONE - clear) / (ONE - clear)
            inside = min(max(inside, ZERO), ONE) * (np.float32(solid[y, x]) / BYTE)
            free = ONE - (ONE - inside) * (ONE - moved[y, x])
            out[y, x] = np.float32(mask[y, x]) / BYTE * free * (ONE - covered[y, x])


@loop
def roughness(picture, rows, columns, kernel, out):  # type: ignore[no-untyped-def]
    """Write what a blur takes away from some pixels of a picture (h, w, C), regardless of sign.

    Args:
        rows, columns: (N,) the pixels. kernel: (K,) weights of the blur along each axis, K odd.
        out: (N, C) float32.
    """
    reach = len(kernel) // 2
    for n in range(len(rows)):
        for c in range(picture.shape[2]):
            blurred = ZERO
            for j in range(len(kernel)):
                y = min(max(rows[n] + j - reach, 0), picture.shape[0] - 1)
                for i in range(len(kernel)):
                    x = min(max(columns[n] + i - reach, 0), picture.shape[1] - 1)
                    blurred += kernel[j] * kernel[i] * np.float32(picture[y, x, c])
            out[n, c] = abs(np.float32(picture[rows[n], columns[n], c]) - blurred)


@loop
def lay_in(drawn, mask, grain, strength, out):  # type: ignore[no-untyped-def]
    """Lay a drawing with grain into a picture.

    Args:
        drawn: (h, w, 3) uint8 or float32, 0..255. mask: (h, w) float32 in [0, 1].
        grain: (h, w) float32. strength: Its deviation.
        out: (h, w, 3) uint8, what is true, and then what is shown.
    """
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x] > ZERO:
                added = strength * grain[y, x]
                for c in range(3):
                    true = np.float32(out[y, x, c])
                    value = true + mask[y, x] * (np.float32(drawn[y, x, c]) + added - true) + np.float32(0.5)
                    out[y, x, c] = np.uint8(min(max(value, ZERO), BYTE))
