"""Find the black bars around a picture: what is black from the edge on, in every picture, and ends along a line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Bytes

_BLACK = 32
_DARK_SHARE = 0.995
"""Share of a line's pixels that are black where it is a bar: codecs leave specks."""
_BRIGHT_SHARE = 0.5
"""Share of the line behind a bar that is not black. Before a black wall, hair and shoulders begin with a few pixels."""
_LEAST = 0.01
"""A bar narrower than this share of the picture is left."""


class Region(NamedTuple):
    """A part of a picture in pixels: its left, top, right and bottom edge."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Return how wide it is."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Return how high it is."""
        return self.bottom - self.top

    def times(self, factor: float) -> Region:
        """Return it in a picture `factor` times as large, whole pixels inside it."""
        low = (int(np.ceil(value * factor)) for value in self[:2])
        return Region(*low, *(int(value * factor) for value in self[2:]))


class Bars:
    """Look at pictures (H, W, 3) uint8 of one size, one after another."""

    def __init__(self) -> None:
        self._dark: list[NDArray[np.bool_]] = []
        self._bright: list[NDArray[np.float64]] = []
        self._shape = (0, 0)
        self._count = 0

    def look(self, frame: Bytes) -> None:
        """Look at one more picture."""
        self._shape = frame.shape[:2]
        light = frame.max(axis=2) >= _BLACK
        shares = [light.mean(axis=1), light.mean(axis=0)]
        dark = [share <= 1 - _DARK_SHARE for share in shares]
        self._dark = [old & new for old, new in zip(self._dark, dark, strict=True)] if self._count else dark
        self._bright = [old + new for old, new in zip(self._bright, shares, strict=True)] if self._count else shares
        self._count += 1

    def content(self) -> Region:
        """Return the part of the picture that lies within the bars; all of it when there are none."""
        height, width = self._shape
        if not self._count or self._dark[0].all():
            return Region(0, 0, width, height)
        rows, columns = (_run(dark) for dark in self._dark)
        inner = (width - sum(columns), height - sum(rows))
        top, bottom = self._pair(0, rows, inner[0] / width)
        left, right = self._pair(1, columns, inner[1] / height)
        return Region(left, top, width - right, height - bottom)

    def _pair(self, axis: int, black: tuple[int, int], across: float) -> tuple[int, int]:
        """Return the widths of the bars on two opposite sides, of which `black` lines are black.

        A dark coat may go on where the lower bar ends: of two sides, one that ends sharply speaks for the other.
        """
        lines = len(self._dark[axis])
        means = self._bright[axis] / self._count
        behind = (means[min(black[0] + 2, lines - 1)], means[max(lines - black[1] - 3, 0)])
        sharp = [
            width >= _LEAST * lines and share >= _BRIGHT_SHARE * across
            for width, share in zip(black, behind, strict=True)
        ]
        if all(sharp):
            return black
        if not any(sharp):
            return 0, 0
        width = black[0] if sharp[0] else black[1]
        other = black[1] if sharp[0] else black[0]
        other = width if other >= width - 2 else 0
        return (width, other) if sharp[0] else (other, width)


def _run(dark: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many lines are dark from the beginning, and from the end."""
    return int(np.argmin(dark)), int(np.argmin(dark[::-1]))
