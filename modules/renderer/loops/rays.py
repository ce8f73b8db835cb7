"""Cast rays through a trained head on a processor: the sums of `HeadMarcher`, ray by ray in one loop.

What a ray needs stays in the processor's registers and nearest cache; as tensors over all samples of all rays it would
pass through memory a dozen times.
"""

from __future__ import annotations

import math

import numpy as np

from modules.renderer.loops.compiling import inline, loop, sigmoid
from modules.renderer.sampling import POOLED_BINS

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
SHORT = np.float32(1e-3)
"""Rays that cross less of the box are left out, as by `HeadMarcher`."""
BORDER = np.float32(1e-4)
FADE = np.float32(0.12)
OPAQUE = np.float32(4e-3)
"""A ray that lets less than this pass is not followed further."""
LIGHT = np.float32(1e-5)
"""What a sample adds less than this of is left out."""
FAINT, FEW = np.float32(-math.log1p(-0.05)), 4
"""Below this coarse depth a ray has so few evaluations: half of all rays only brush what surrounds a head."""
THIN = np.float32(1e-3)
"""Depths below this are small enough that what they absorb is as large as they are."""


@inline
def along(x, size, cell, part, axis):  # type: ignore[no-untyped-def]
    """Note in which cell of an axis a place lies, (3,) int64, and how far in it, (3,).

    The cell is clamped as a whole number: what is not a number would read foreign memory.
    """
    x = min(max(x, ZERO), np.float32(size - 1) - BORDER)
    cell[axis] = min(max(int(x), 0), size - 2)
    part[axis] = x - np.float32(cell[axis])


@inline
def corner(across, down, across_part, down_part, weight, begin, size):  # type: ignore[no-untyped-def]
    """Return the first of the four rows of a plane that are read in a cell, and the weights of the four."""
    high, low = weight * (ONE - down_part), weight * down_part
    at = begin + down * size + across
    return at, high * (ONE - across_part), high * across_part, low * (ONE - across_part), low * across_part


@inline
def add_planes(row, table, size, cell, part, weight, channels):  # type: ignore[no-untyped-def]
    """Add to a row what a tri-plane holds in cells (3,), so far in them (3,)."""
    a, a0, a1, a2, a3 = corner(cell[0], cell[1], part[0], part[1], weight, 0, size)
    b, b0, b1, b2, b3 = corner(cell[0], cell[2], part[0], part[2], weight, size * size, size)
    d, d0, d1, d2, d3 = corner(cell[1], cell[2], part[1], part[2], weight, 2 * size * size, size)
    for c in range(channels):
        x = a0 * table[a, c] + a1 * table[a + 1, c] + a2 * table[a + size, c] + a3 * table[a + size + 1, c]
        x += b0 * table[b, c] + b1 * table[b + 1, c] + b2 * table[b + size, c] + b3 * table[b + size + 1, c]
        x += d0 * table[d, c] + d1 * table[d + 1, c] + d2 * table[d + size, c] + d3 * table[d + size + 1, c]
        row[c] += x


@inline
def read_sample(  # type: ignore[no-untyped-def]
    row, static, size, dynamic, dynamic_size, camera, way, step, box, face_box, cell, part, channels
):
    """Read the planes into a row, at a distance from the camera along a way (3,)."""
    for c in range(channels):
        row[c] = ZERO
    for i in range(3):
        per_unit = np.float32(size - 1) / (box[1, i] - box[0, i])
        along((camera[i, 3] + step * way[i] - box[0, i]) * per_unit, size, cell, part, i)
    add_planes(row, static, size, cell, part, ONE, channels)
    if dynamic_size:
        half, farthest = np.float32(dynamic_size - 1) * HALF, ZERO
        for i in range(3):
            per_unit = np.float32(dynamic_size - 1) / (face_box[1, i] - face_box[0, i])
            x = (camera[i, 3] + step * way[i] - face_box[0, i]) * per_unit
            farthest = max(farthest, abs(x - half))
            along(x, dynamic_size, cell, part, i)
        weight = min((half - farthest) / (half * FADE), ONE)
        if weight > ZERO:
            add_planes(row, dynamic, dynamic_size, cell, part, weight, channels)


@loop
def cast(  # type: ignore[no-untyped-def]
    chosen, directions, camera, box, face_box, density, cells, samples, fine, middle, least,
    static, size, dynamic, dynamic_size, first, shift, last, bias, scale, out,
):  # fmt: skip
    """Cast rays through a head, all float32 but for whole numbers.

    Args:
        chosen: (N,) numbers of the rays to cast.
        directions: (3, P) unit directions of all rays in the camera's frame. camera: (4, 4) `world_from_camera`.
        box, face_box: (2, 3) corners of the static and of the dynamic planes.
        density, cells: (cells^3,) coarse density per head unit, z slowest.
        samples, fine: Coarse steps and evaluations of the field; one of them may be 0, as for `BlendPlaneHead`.
        middle: Where in its bin a coarse step lies. least: Depth of the coarse steps below which a ray is empty.
        static, size: (3 * size^2, C) the static planes; dynamic, dynamic_size: the dynamic ones, unless 0.
        first (C, H), shift (H,), last (1 + F, H), bias (1 + F,): the network.
        scale: Density for an output of one.
        out: (P, F + 1), summed features and alpha; rays that hit nothing are left as they are.
    """
    channels, hidden, features = static.shape[1], len(shift), len(bias) - 1
    quads = channels // 4 * 4
    rows = np.empty((2, channels), np.float32)
    inners, summed = np.empty((2, hidden), np.float32), np.empty(hidden, np.float32)
    inner0, inner1 = inners[0], inners[1]
    way, entry, across = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    of_plane, part = np.empty(3, np.int64), np.empty(3, np.float32)
    steps = np.empty(max(fine, samples), np.float32)
    cell, depths = np.empty(samples, np.int32), np.empty(samples, np.float32)
    most_cell = np.int32(cells * cells * cells - 1)
    bins, sums = min(samples, POOLED_BINS), np.empty(POOLED_BINS, np.float32)
    for number in range(len(chosen)):
        ray = chosen[number]
        near, far = ZERO, np.float32(np.inf)
        for i in range(3):
            x = camera[i, 0] * directions[0, ray] + camera[i, 1] * directions[1, ray]
            x += camera[i, 2] * directions[2, ray]
            way[i] = x
            x = x if abs(x) >= np.float32(1e-9) else np.float32(1e-9)
            to_low, to_high = (box[0, i] - camera[i, 3]) / x, (box[1, i] - camera[i, 3]) / x
            near, far = max(near, min(to_low, to_high)), min(far, max(to_low, to_high))
        if not far > near + SHORT:
            continue

        depth = ZERO
        for i in range(3):
            per_unit, most = np.float32(cells) / (box[1, i] - box[0, i]), np.float32(cells) - SHORT
            start = (camera[i, 3] - box[0, i]) * per_unit
            entry[i] = min(max(start + near * way[i] * per_unit, ZERO), most)
            across[i] = min(max(start + far * way[i] * per_unit, ZERO), most) - entry[i]
        for s in range(samples):
            at = (np.float32(s) + middle) / np.float32(samples)
            x, y, z = entry[0] + at * across[0], entry[1] + at * across[1], entry[2] + at * across[2]
            at_z, at_y, at_x = np.int32(z), np.int32(y), np.int32(x)
            cell[s] = min(max((at_z * np.int32(cells) + at_y) * np.int32(cells) + at_x, np.int32(0)), most_cell)
        for s in range(samples):
            depth += density[cell[s]] * ((far - near) / np.float32(samples))
            depths[s] = depth
        if samples and not depth > least:
            continue

        count = fine if fine else samples
        if samples and fine:  # as many samples where much is absorbed
            absorbed, before = ZERO, ZERO
            for b in range(bins):
                end = (b + 1) * samples // bins
                more, before = depths[end - 1] - before, depths[end - 1]
                absorbed += (ONE - absorbed) * more
                if more > THIN:
                    absorbed = ONE - np.float32(math.exp(-before))
                sums[b] = np.float32(end) * (np.float32(1e-2) / np.float32(samples)) + absorbed
            b, whole = 0, sums[bins - 1]
            count = min(fine, FEW) if depth < FAINT else fine
            for s in range(count):
                wanted = (np.float32(s) + HALF) / np.float32(count) * whole
                while b < bins - 1 and sums[b] < wanted:
                    b += 1
                earlier = sums[b - 1] if b else ZERO
                share = (wanted - earlier) / max(sums[b] - earlier, np.float32(1e-8) * whole)
                steps[s] = near + (np.float32(b) + min(max(share, ZERO), ONE)) * ((far - near) / np.float32(bins))
        else:
            for s in range(count):
                steps[s] = near + (np.float32(s) + HALF) * ((far - near) / np.float32(count))

        passed, edge = ONE, near
        if count > 1:
            edge = max(steps[0] - (steps[1] - steps[0]) * HALF, near)
        red, green, blue = ZERO, ZERO, ZERO
        for j in range(hidden):
            summed[j] = ZERO
        for s in range(0, count, 2):  # two at a time: the network's weights are fetched once for both
            for k in range(2):
                step = steps[min(s + k, count - 1)]
                read_sample(
                    rows[k], static, size, dynamic, dynamic_size, camera, way, step, box, face_box, of_plane, part,
                    channels,
                )
            row0, row1 = rows[0], rows[1]
            for j in range(hidden):
                inner0[j], inner1[j] = shift[j], shift[j]
            for i in range(0, quads, 4):
                a0, a1, a2, a3 = row0[i], row0[i + 1], row0[i + 2], row0[i + 3]
                b0, b1, b2, b3 = row1[i], row1[i + 1], row1[i + 2], row1[i + 3]
                for j in range(hidden):
                    w0, w1, w2, w3 = first[i, j], first[i + 1, j], first[i + 2, j], first[i + 3, j]
                    inner0[j] += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                    inner1[j] += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
            for i in range(quads, channels):
                for j in range(hidden):
                    inner0[j] += row0[i] * first[i, j]
                    inner1[j] += row1[i] * first[i, j]
            for k in range(min(2, count - s)):
                inner = inners[k]
                x = bias[0]
                for j in range(hidden):
                    inner[j] = max(inner[j], ZERO)
                    x += inner[j] * last[0, j]
                after = far
                if s + k < count - 1:
                    after = (steps[s + k] + steps[s + k + 1]) * HALF
                elif count > 1:
                    after = min(steps[s + k] + (steps[s + k] - edge), far)
                x -= np.float32(5)
                thick = x
                if x < np.float32(20):  # softplus
                    thick = np.float32(math.exp(x))
                    if thick > THIN:
                        thick = np.float32(math.log(ONE + thick))
                through = np.float32(math.exp(-thick * scale * (after - edge)))
                weight, passed, edge = passed * (ONE - through), passed * through, after
                if weight > LIGHT:
                    x, y, z = bias[1], bias[2], bias[3]
                    for j in range(hidden):
                        summed[j] += weight * inner[j]
                        x += inner[j] * last[1, j]
                        y += inner[j] * last[2, j]
                        z += inner[j] * last[3, j]
                    red += weight * sigmoid(x)
                    green += weight * sigmoid(y)
                    blue += weight * sigmoid(z)
            if passed < OPAQUE:
                break
        out[ray, 0], out[ray, 1], out[ray, 2] = red, green, blue
        for f in range(3, features):  # what is linear in the network's inner values is so in their sum
            x = bias[f + 1] * (ONE - passed)
            for j in range(hidden):
                x += summed[j] * last[f + 1, j]
            out[ray, f] = x
        out[ray, features] = ONE - passed
