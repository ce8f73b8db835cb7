"""What lies around a portrait's convolutions on a processor: one pass before them and one after."""

from __future__ import annotations

import numpy as np

from modules.renderer.loops.compiling import loop, sigmoid
from modules.renderer.loops.pixels import HALF, ONE, ZERO, between

BYTE = np.float32(255)
SMALL = ONE / BYTE


@loop
def fill_around(drawn, frame, mask, least, up, low, out):  # type: ignore[no-untyped-def]
    """Write what a portrait is shown ray by ray: the pixels of what was drawn and of the frame around, and the rays.

    Args:
        drawn, frame: (h * up, w * up, 3) uint8. mask: (h * up, w * up) float32; where it is more than `least`, the
            frame is not looked at.
        low: (h, w, E) float32, the rays' features and what is beside them.
        out: (h, w, 7 * up^2 + E or more) float32; what is more is left as it is.
    """
    many = up * up
    for y in range(low.shape[0]):
        for x in range(low.shape[1]):
            for j in range(up):
                for i in range(up):
                    row, column, at = y * up + j, x * up + i, j * up + i
                    hole = mask[row, column] > least
                    for c in range(3):
                        out[y, x, c * many + at] = np.float32(drawn[row, column, c]) * SMALL
                        seen = ZERO if hole else np.float32(frame[row, column, c]) * SMALL
                        out[y, x, (3 + c) * many + at] = seen
                    out[y, x, 6 * many + at] = ONE if hole else ZERO
            for e in range(low.shape[2]):
                out[y, x, 7 * many + e] = low[y, x, e]


@loop
def finish(drawn, change, cover, mask, alpha, up, out):  # type: ignore[no-untyped-def]
    """Do the end of `PortraitLayer`, and of an inset.

    Args:
        drawn: (h * up, w * up, 3) uint8. change: (h, w, 3 * up^2) float32, what is added to it, channel by channel.
        cover: (h / 2, w / 2) float32 logits of the mask. mask: (h * up, w * up) float32, the most it may be.
        alpha: (h, w) float32 of the rays.
        out: (h * up, w * up, 5) uint8: colours, how much they cover, how much of a head is there.
    """
    rows, columns = alpha.shape
    many = up * up
    least = np.empty((rows, columns), np.float32)
    for y in range(rows):
        for x in range(columns):
            least[y, x] = ONE
            for j in range(max(0, y - 1), min(rows, y + 2)):
                for i in range(max(0, x - 1), min(columns, x + 2)):
                    least[y, x] = min(least[y, x], max(alpha[j, i], ZERO))
    shares = np.empty(cover.shape, np.float32)
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            shares[y, x] = sigmoid(cover[y, x])
    x0s, x1s, rights = np.empty(columns * up, np.int32), np.empty(columns * up, np.int32), mask[0].copy()
    u0s, u1s, wides = np.empty(columns * up, np.int32), np.empty(columns * up, np.int32), mask[0].copy()
    for column in range(columns * up):
        place = np.float32(column) + HALF
        x0s[column], x1s[column], rights[column] = between(place / np.float32(up) - HALF, columns)
        u0s[column], u1s[column], wides[column] = between(place / np.float32(2 * up) - HALF, cover.shape[1])
    solids, covers = np.empty(columns, np.float32), np.empty(cover.shape[1], np.float32)
    for row in range(rows * up):
        place = np.float32(row) + HALF
        y0, y1, down = between(place / np.float32(up) - HALF, rows)
        v0, v1, low = between(place / np.float32(2 * up) - HALF, cover.shape[0])
        for x in range(columns):
            solids[x] = BYTE * (least[y0, x] + (least[y1, x] - least[y0, x]) * down)
        for x in range(cover.shape[1]):
            covers[x] = BYTE * (shares[v0, x] + (shares[v1, x] - shares[v0, x]) * low)
        y, first = row // up, row % up * up
        for x in range(columns):
            for i in range(up):
                column = x * up + i
                for c in range(3):
                    value = np.float32(drawn[row, column, c]) + BYTE * change[y, x, c * many + first + i] + HALF
                    out[row, column, c] = np.uint8(min(max(value, ZERO), BYTE))
                left = covers[u0s[column]]
                share = (left + (covers[u1s[column]] - left) * wides[column]) * mask[row, column]
                out[row, column, 3] = np.uint8(min(max(share + HALF, ZERO), BYTE))
                left = solids[x0s[column]]
                share = left + (solids[x1s[column]] - left) * rights[column]
                out[row, column, 4] = np.uint8(min(max(share + HALF, ZERO), BYTE))
