"""From rays to the decoder and from the decoder to pixels on a processor, each in one pass over the picture.

Pictures lie pixel by pixel here, (h, w, channels): that is what convolutions are quickest with.
"""

from __future__ import annotations

import math

import numpy as np

from modules.renderer.loops.compiling import inline, loop, sigmoid

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
CLEAR = np.float32(1e-6)
SURE = np.float32(2.5)
"""Beyond this a torso is all there or not there at all, to a hundredth of a byte."""


@loop
def draw_dots(columns, rows, points, group, groups, spread, begin, out):  # type: ignore[no-untyped-def]
    """Write maps of where landmarks fall into the channels of a picture (h, w, C), from `begin` on; see `fill_map`."""
    across = np.empty((len(points), len(columns)), np.float32)
    for n in range(len(points)):
        for x in range(len(columns)):
            away = (columns[x] - points[n, 0]) / spread
            across[n, x] = np.float32(math.exp(-HALF * away * away))
    maps = np.empty((groups, len(columns)), np.float32)
    for y in range(len(rows)):
        maps[:] = ZERO
        for n in range(len(points)):
            away = (rows[y] - points[n, 1]) / spread
            down = np.float32(math.exp(-HALF * away * away))
            if down > CLEAR:
                for x in range(len(columns)):
                    maps[group[n], x] += down * across[n, x]
        for x in range(len(columns)):
            for g in range(groups):
                out[y, x, begin + g] = maps[g, x]


@loop
def fill_map(  # type: ignore[no-untyped-def]
    rays, columns_of_all, top, left, columns, rows, camera, focal, height, width, points, group, groups, spread, out,
):  # fmt: skip
    """Write what a decoder is shown of a part of the rays: their features and alpha, view directions, landmarks.

    Args:
        rays: (P, C) features and alpha of the rays of a picture, `columns_of_all` in a row.
        top, left: First row and column of the part.
        columns, rows: (w,), (h,) where its rays pass, pixels of the training pictures of `height` and `width`.
        camera: (4, 4) `world_from_camera`. focal: Pixels.
        points: (N, 2) pixels where landmarks fall. group: (N,) which of the `groups` maps each is drawn in.
        spread: Deviation of a dot, pixels.
        out: (h, w, C + 3 + groups) float32.
    """
    channels = rays.shape[1]
    for y in range(len(rows)):
        b = (height * HALF - rows[y]) / focal
        for x in range(len(columns)):
            ray = (top + y) * columns_of_all + left + x
            for c in range(channels):
                out[y, x, c] = rays[ray, c]
            a = (columns[x] - width * HALF) / focal
            length = ONE / np.float32(math.sqrt(a * a + b * b + ONE))
            for i in range(3):
                out[y, x, channels + i] = (camera[i, 0] * a + camera[i, 1] * b - camera[i, 2]) * length
    draw_dots(columns, rows, points, group, groups, spread, channels + 3, out)


@inline
def between(place, count):  # type: ignore[no-untyped-def]
    """Return the entries of a row that a place lies between, and how much of the second, at its ends the last ones."""
    place = max(place, ZERO)
    first = min(max(int(place), 0), count - 1)
    return first, min(first + 1, count - 1), place - np.float32(first)


@loop
def lay_decoded(  # type: ignore[no-untyped-def]
    rest, low, alpha, up, top, left, high, wide, behind, out, first_row, first_column,
):  # fmt: skip
    """Do the end of `ConvDecoder` and lay its picture over what is behind.

    Args:
        rest: (h * up / 2, w * up / 2, 16) what its last convolution gave.
        low: (h, w, C) rays; the first three channels are the colour, channel `alpha` the alpha.
        up: Pixels per ray along each side.
        top, left, high, wide: The part of the decoded picture that is laid, pixels.
        behind, out: (H, W, 3) uint8; may be the same. first_row, first_column: Where in them.
    """
    rows, columns = low.shape[:2]
    near = np.empty((rows, columns), np.float32)  # no ghosts where no ray near a pixel hit anything
    for y in range(rows):
        for x in range(columns):
            most = ZERO
            for j in range(max(0, y - 1), min(rows, y + 2)):
                for i in range(max(0, x - 1), min(columns, x + 2)):
                    most = max(most, low[j, i, alpha])
            near[y, x] = most
    for j in range(top, top + high):
        y, y_part = first_row + j - top, 2 * (j % 2)
        y0, y1, down = between((np.float32(j) + HALF) / np.float32(up) - HALF, rows)
        for i in range(left, left + wide):
            x, part = first_column + i - left, y_part + i % 2
            x0, x1, across = between((np.float32(i) + HALF) / np.float32(up) - HALF, columns)
            w0, w1 = (ONE - down) * (ONE - across), (ONE - down) * across
            w2, w3 = down * (ONE - across), down * across
            gate = w0 * near[y0, x0] + w1 * near[y0, x1] + w2 * near[y1, x0] + w3 * near[y1, x1]
            gate = min(np.float32(10) * gate, ONE)
            if gate < CLEAR:
                for c in range(3):
                    out[y, x, c] = behind[y, x, c]
                continue
            solid = w0 * low[y0, x0, alpha] + w1 * low[y0, x1, alpha]
            solid += w2 * low[y1, x0, alpha] + w3 * low[y1, x1, alpha]
            solid = np.float32(8) * (solid - HALF) + rest[j // 2, i // 2, 12 + part]
            solid = gate * sigmoid(solid)
            for c in range(3):
                base = w0 * low[y0, x0, c] + w1 * low[y0, x1, c] + w2 * low[y1, x0, c] + w3 * low[y1, x1, c]
                out[y, x, c] = blended(gate * (base + rest[j // 2, i // 2, 4 * c + part]), solid, behind[y, x, c])


@inline
def taps(size, u, v):  # type: ignore[no-untyped-def]
    """Return rows, columns and weights of what a picture (size, size) shows at a place, [-1, 1] across it."""
    y0, y1, down = between(((v + ONE) * np.float32(size) - ONE) * HALF, size)
    x0, x1, across = between(((u + ONE) * np.float32(size) - ONE) * HALF, size)
    down, across = min(down, np.float32(y1 - y0)), min(across, np.float32(x1 - x0))
    w0, w1 = (ONE - down) * (ONE - across), (ONE - down) * across
    return y0, y1, x0, x1, w0, w1, down - down * across, down * across


@inline
def blended(colour, alpha, behind):  # type: ignore[no-untyped-def]
    """Lay a premultiplied colour with alpha over a byte."""
    value = colour * np.float32(255) + (ONE - alpha) * np.float32(behind) + HALF
    return np.uint8(min(max(value, ZERO), np.float32(255)))


@loop
def lay_torso(lattice, reach, texture, changes, border, columns, rows, out, top, left):  # type: ignore[no-untyped-def]
    """Do what `TorsoLayer` does, and lay its picture over what is there.

    Args:
        lattice: (L, L, 2) how the picture is bent, across and down. reach: How far, half widths of the frame.
        texture: (S, S, 4), and changes: (s, s, 4), colours and the logit of alpha, a quarter of it.
        border: How far the picture reaches beyond the frame.
        columns, rows: (w,), (h,) places of the pixels, [-1, 1] across the frame.
        out: (H, W, 3) uint8: what is behind, and then what is seen. top, left: Where in it the first pixel lies.
    """
    points = np.float32(len(lattice))
    first, second = np.empty(len(columns), np.int32), np.empty(len(columns), np.int32)
    across = np.empty(len(columns), np.float32)
    for x in range(len(columns)):
        first[x], second[x], across[x] = between(((columns[x] + ONE) * points - ONE) * HALF, len(lattice))
    bent_x, bent_y = np.empty(len(lattice), np.float32), np.empty(len(lattice), np.float32)
    for y in range(len(rows)):
        high, low, down = between(((rows[y] + ONE) * points - ONE) * HALF, len(lattice))
        for n in range(len(lattice)):
            bent_x[n] = reach * (lattice[high, n, 0] * (ONE - down) + lattice[low, n, 0] * down)
            bent_y[n] = reach * (lattice[high, n, 1] * (ONE - down) + lattice[low, n, 1] * down)
        for x in range(len(columns)):
            n, m, part = first[x], second[x], across[x]
            u = (columns[x] + bent_x[n] + (bent_x[m] - bent_x[n]) * part) / border
            v = (rows[y] + bent_y[n] + (bent_y[m] - bent_y[n]) * part) / border
            y0, y1, x0, x1, w0, w1, w2, w3 = taps(len(texture), u, v)
            j0, j1, i0, i1, v0, v1, v2, v3 = taps(len(changes), u, v)
            solid = w0 * texture[y0, x0, 3] + w1 * texture[y0, x1, 3]
            solid += w2 * texture[y1, x0, 3] + w3 * texture[y1, x1, 3]
            solid += v0 * changes[j0, i0, 3] + v1 * changes[j0, i1, 3]
            solid += v2 * changes[j1, i0, 3] + v3 * changes[j1, i1, 3]
            if solid < -SURE:
                continue
            alpha = ONE
            if solid < SURE:
                alpha = sigmoid(np.float32(4) * solid)
            for c in range(3):
                value = w0 * texture[y0, x0, c] + w1 * texture[y0, x1, c]
                value += w2 * texture[y1, x0, c] + w3 * texture[y1, x1, c]
                value += v0 * changes[j0, i0, c] + v1 * changes[j0, i1, c]
                value += v2 * changes[j1, i0, c] + v3 * changes[j1, i1, c]
                out[top + y, left + x, c] = blended(alpha * value, alpha, out[top + y, left + x, c])
