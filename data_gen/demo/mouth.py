"""Move the portrait's mouth: lips that part and close, a jaw that moves as one, and what is seen between the lips.

The portrait smiles with parted lips. The gap between them is cut out: above it lies the upper lip, below it the
lower lip, and everything outside is warped column by column through knots (nose, lip edges, jaw line, neck). What
shows through the gap is painted: the portrait's own upper teeth, fixed to the skull; a dark cavity; lower teeth
and tongue, which go with the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_gen.demo.column_warp import forward_rows, rising, warp_rows
from data_gen.demo.portrait import CANVAS, Portrait
from utils.arrays import Bytes, Reals

WIDEST_GAP = 0.28
"""Gap between the lips at opening 1, in eye distances."""
_CONTACT = 0.42
"""Where closed lips meet, as a part of the portrait's gap from the upper lip down."""
_SLIT = 2
_WARM = np.array([0.97, 0.92, 0.87], np.float32)
_REST_WIDTH = 0.92
"""Width of the resting mouth: narrower than the smile."""


@dataclass(frozen=True)
class MouthPose:
    """One frame's mouth; see `visemes.Viseme` for the parameters."""

    opening: float = 0.0
    width: float = 0.0
    rounding: float = 0.0
    tuck: float = 0.0
    tongue: float = 0.0
    jaw: float = 0.0


@dataclass(frozen=True)
class _Shape:
    """Knots of one pose and the curves of the gap, all (X,) or (K, X) over the region's columns."""

    target: Reals
    upper: Reals
    lower: Reals
    narrowing: float


class Mouth:
    """Paint the mouth region of a canvas for a `MouthPose`, and say where the landmarks went."""

    def __init__(self, portrait: Portrait) -> None:
        points = portrait.landmarks_px
        self.unit = portrait.eye_distance_px
        self.left, self.right = float(points[60, 0]), float(points[64, 0])
        self.centre = 0.5 * (self.left + self.right)
        self.half = 0.5 * (self.right - self.left)
        reach = 2.5 * self.half
        self.x0, self.x1 = int(max(0, self.centre - reach)), int(min(CANVAS, self.centre + reach))
        nose = float(points[33, 1])
        self.y0 = int(nose - 0.62 * self.unit)
        self.y1 = int(min(CANVAS, points[8, 1] + 0.62 * self.unit))
        self.columns = np.arange(self.x0, self.x1) + 0.5
        self.u = (self.columns - self.centre) / self.half
        self.upper = portrait.upper_lip_px[self.x0 : self.x1].astype(np.float64)
        self.lower = portrait.lower_lip_px[self.x0 : self.x1].astype(np.float64)
        self.gap = self.lower - self.upper
        inside = abs(self.u) < 1
        top = _through(points[48:55], self.columns)
        bottom = _through(points[[48, 59, 58, 57, 56, 55, 54]], self.columns)
        taper = np.clip(1.15 - abs(self.u), 0.0, 0.15) / 0.15
        self.upper_lip = np.maximum(np.where(inside, self.upper - top, 2.0), 2.0) * taper + 2.0 * (1 - taper)
        self.lower_lip = np.maximum(np.where(inside, bottom - self.lower, 2.0), 2.0) * taper + 2.0 * (1 - taper)
        jaw = np.interp(self.columns, points[2:15, 0], points[2:15, 1])
        jaw = np.maximum(jaw, self.lower + self.lower_lip + 0.1 * self.unit)
        self.jaw_follow = np.cos(0.5 * np.pi * np.clip((abs(self.u) - 0.6) / 1.7, 0, 1)) ** 2
        self.parting = np.clip(1 - self.u**2, 0, None) ** 0.75
        self.corner = np.where(inside, self.u**2, np.exp(-(((abs(self.u) - 1) / 0.4) ** 2)))
        fixed_top, fixed_bottom = np.full_like(jaw, nose), np.full_like(jaw, self.y1)
        edges = [self.upper - self.upper_lip, self.upper, self.lower, self.lower + self.lower_lip]
        self.source = rising(np.stack([fixed_top, *edges, jaw, fixed_bottom]))
        self.lips = self._close_over(portrait.image)
        self.teeth, self.teeth_alpha = self._cut_teeth(portrait.image)
        grid = np.meshgrid(np.arange(self.x0, self.x1), np.arange(self.y0, self.y1))
        self.grid_x, self.grid_y = (g.astype(np.float64) + 0.5 for g in grid)

    def gap_px(self, pose: MouthPose) -> float:
        """Return the gap between the lips at the middle of the mouth, in canvas pixels."""
        shape = self._shape(pose)
        middle = int(np.argmin(abs(self.u)))
        return float(shape.lower[middle] - shape.upper[middle])

    def paint(self, canvas: Bytes, pose: MouthPose) -> None:
        """Paint the region of `canvas` (N, N, 3) that the mouth moves, in place."""
        import cv2

        shape = self._shape(pose)
        from_x = self._unsqueeze(self.grid_x, self.grid_y, shape.narrowing)
        index = np.clip(np.rint(from_x - self.x0 - 0.5), 0, len(self.columns) - 1).astype(np.intp)
        from_y = warp_rows(self.grid_y, index, shape.target, self.source, _SLIT)
        skin = cv2.remap(
            self.lips, (from_x - 0.5).astype(np.float32), (from_y - 0.5).astype(np.float32), cv2.INTER_LINEAR
        ).astype(np.float32)
        part = np.clip(from_x - self.x0 - 0.5 - index, -0.5, 0.5)
        upper = shape.upper[index] + part * np.gradient(shape.upper)[index]
        lower = shape.lower[index] + part * np.gradient(shape.lower)[index]
        within = np.minimum(self.grid_y - upper, lower - self.grid_y)
        gap = lower - upper
        alpha = np.clip(0.55 * within + 0.5, 0, 1) * np.clip(gap / 1.5, 0, 1)
        rim = 0.2 * np.exp(-((np.minimum(within, 0) / 2.5) ** 2)) * np.clip(gap / 4, 0, 1)
        inner = self._interior(shape, pose, upper, lower)
        mouth = abs(self.u)[index] < 1.02
        contact = np.exp(-(((self.grid_y - 0.5 * (upper + lower)) / 1.5) ** 2)) * np.clip(1 - gap / 4, 0, 1)
        skin *= (1 - (0.42 * contact + rim) * mouth)[..., None] ** np.array([0.8, 1.0, 1.0])
        mixed = skin + (inner - skin) * alpha[..., None]
        canvas[self.y0 : self.y1, self.x0 : self.x1] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

    def move_points(self, points_px: Reals, pose: MouthPose) -> Reals:
        """Return where canvas points (68, 2) of the portrait are in `pose`; the lips' inner edges go with the gap."""
        shape = self._shape(pose)
        index = np.clip(np.rint(points_px[:, 0] - self.x0 - 0.5), 0, len(self.columns) - 1).astype(np.intp)
        rows = forward_rows(points_px[:, 1].astype(np.float64), index, shape.target, self.source, _SLIT)
        rows[61:64], rows[65:68] = shape.upper[index[61:64]], shape.lower[index[65:68]]
        moved = points_px.copy()
        here = (points_px[:, 1] > self.y0) & (points_px[:, 1] < self.y1)
        here &= (points_px[:, 0] > self.x0) & (points_px[:, 0] < self.x1)
        moved[here, 1] = rows[here]
        low, high = points_px[:, 0] - 64.0, points_px[:, 0] + 64.0
        for _ in range(14):
            middle = 0.5 * (low + high)
            left = self._unsqueeze(middle, moved[:, 1], shape.narrowing) < points_px[:, 0]
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        moved[here, 0] = (0.5 * (low + high))[here]
        return moved

    def _shape(self, pose: MouthPose) -> _Shape:
        widest = WIDEST_GAP * self.unit
        drop = 0.8 * widest * pose.jaw
        part = widest * pose.opening * self.parting
        lean = self.corner * (0.025 * self.unit + 0.16 * drop)
        contact = self.upper + _CONTACT * self.gap + lean
        tuck = pose.tuck * self.parting
        upper = contact - 0.2 * part - 0.04 * self.unit * tuck
        lower = contact + (0.8 - 0.55 * pose.tuck) * part + 0.005 * self.unit * tuck
        lower = np.maximum(lower, upper)
        plump = 0.22 * pose.rounding
        top = upper - self.upper_lip * (1.22 + plump - 0.12 * pose.opening)
        bottom = lower + self.lower_lip * (1.18 + plump - 0.1 * pose.opening - 0.3 * pose.tuck)
        jaw = self.source[5] + drop * self.jaw_follow
        knots = np.stack([self.source[0], top, upper, lower, bottom, jaw, self.source[6]])
        scale = _REST_WIDTH * (1 + (0.11 if pose.width > 0 else 0.23) * pose.width)
        return _Shape(rising(knots), upper, lower, 1 / scale - 1)

    def _unsqueeze(self, x: Reals, y: Reals, narrowing: float) -> Reals:
        """Return the column each pixel comes from: the mouth is narrowed around its middle, the cheeks follow less."""
        away = x - self.centre
        middle = 0.5 * (self.source[1].mean() + self.source[4].mean())
        across = np.cos(0.5 * np.pi * np.clip(away / (2.2 * self.half), -1, 1)) ** 2
        down = np.cos(0.5 * np.pi * np.clip((y - middle) / (0.85 * self.unit), -1, 1)) ** 2
        return x + away * narrowing * 1.3 * across * down

    def _close_over(self, image: Bytes) -> Bytes:
        """Return the picture with each lip's edge colour carried on over the gap, so that no tooth shows at the rim."""
        import cv2

        filled = image.astype(np.float32)
        for i, x in enumerate(range(self.x0, self.x1)):
            if self.gap[i] <= 0.5:
                continue
            first, last = int(np.floor(self.upper[i] - 1.0)), int(np.ceil(self.lower[i] + 1.0))
            above, below = filled[first - 2 : first, x].mean(0), filled[last + 1 : last + 3, x].mean(0)
            rows = np.arange(first, last + 1)
            share = np.clip((rows + 0.5 - self.upper[i]) / max(self.gap[i], 1.0), 0, 1)[:, None]
            filled[first : last + 1, x] = np.where(share < _CONTACT, above, below)
        soft = cv2.GaussianBlur(filled, (5, 1), 1.2)
        result = filled.copy()
        for i, x in enumerate(range(self.x0, self.x1)):
            if self.gap[i] > 0.5:
                span = slice(int(self.upper[i]) - 1, int(np.ceil(self.lower[i])) + 2)
                result[span, x] = soft[span, x]
        return np.clip(result + 0.5, 0, 255).astype(np.uint8)

    def _cut_teeth(self, image: Bytes) -> tuple[Reals, Reals]:
        """Return the upper teeth over the region, (H, W, 3), carried on upwards as gum, and their alpha (H, W)."""
        rows = np.arange(self.y0, self.y1)[:, None] + 0.5
        ceiling = np.ceil(self.upper + np.minimum(1.5, 0.3 * self.gap)).astype(int)
        source = np.maximum(rows.astype(int), ceiling[None])
        teeth = image[np.minimum(source, CANVAS - 1), np.arange(self.x0, self.x1)[None]].astype(np.float32)
        gum = np.clip((self.upper[None] - rows) / 6, 0, 0.8)[..., None]
        teeth = teeth * (1 - gum) + np.array([168, 96, 92], np.float32) * gum
        edge = self.lower - np.minimum(0.08 * self.gap + 0.6, 2.0)
        alpha = np.clip(edge[None] - rows + 0.5, 0, 1) * (np.clip(self.gap, 0, 2) / 2)[None]
        return teeth, alpha.astype(np.float32)

    def _interior(self, shape: _Shape, pose: MouthPose, upper: Reals, lower: Reals) -> Reals:
        """Paint what is behind the lips, (H, W, 3): cavity, tongue, lower teeth, upper teeth, in their shadows."""
        u = (self.grid_x - self.centre) / self.half
        middle = int(np.argmin(abs(self.u)))
        gap = float(shape.lower[middle] - shape.upper[middle])
        floor = float(shape.lower[middle])
        ceiling = float(self.lower[middle])
        cavity = np.array([64, 27, 25], np.float32) * (1 - 0.5 * np.clip(u**2, 0, 1))[..., None]
        rest = floor - 0.62 * max(0.0, floor - ceiling)
        tip = rest + (ceiling + 1.0 - rest) * 0.9 * pose.tongue
        over = ((self.grid_y - tip) / (0.1 * self.unit)) - 1.6 * (u / 0.62) ** 2 * 0.6
        tongue_alpha = np.clip(over * 3 + 0.5, 0, 1) * np.clip((0.75 - abs(u)) * 6, 0, 1)
        light = np.clip(0.62 + 0.3 * over, 0.5, 0.95)
        tongue = np.array([176, 92, 92], np.float32) * light[..., None]
        inner = cavity + (tongue - cavity) * (tongue_alpha * np.clip(gap / (0.08 * self.unit), 0, 1))[..., None]
        top_of_lower = lower - 0.035 * self.unit * np.clip((pose.opening - 0.4) / 0.5, 0, 1)
        lower_alpha = np.clip(self.grid_y - top_of_lower + 0.5, 0, 1) * np.clip((0.5 - abs(u)) * 4, 0, 1)
        stripes = 1 - 0.18 * np.exp(-(((np.mod(u * 5.5 + 0.5, 1) - 0.5) / 0.1) ** 2))
        lower_teeth = np.array([168, 148, 134], np.float32) * (stripes * (1 - 0.5 * abs(u)))[..., None]
        inner += (lower_teeth - inner) * (lower_alpha * 0.8 * (pose.opening > 0.4))[..., None]
        lit = np.clip(0.8 + 0.2 * gap / (0.1 * self.unit), 0, 1) * (1 - 0.35 * np.clip(abs(u), 0, 1) ** 2)
        inner += (self.teeth * lit[..., None] * _WARM - inner) * self.teeth_alpha[..., None]
        shadow = np.clip(0.78 + 0.22 * (self.grid_y - upper) / (0.035 * self.unit), 0.7, 1)
        return inner * shadow[..., None]


def _through(points: Reals, columns: Reals) -> Reals:
    """Return a smooth curve through points (P, 2) at `columns`."""
    from scipy.interpolate import PchipInterpolator

    order = np.argsort(points[:, 0])
    return np.asarray(PchipInterpolator(points[order, 0], points[order, 1], extrapolate=True)(columns))
