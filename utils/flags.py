"""Numbers on a command line, with their limits: `parser.add_argument("--size", type=whole(16, 2048))`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number") from None
        return _within(value, least, most)

    return read


def number(least: float, most: float | None = None) -> Callable[[str], float]:
    """Return a reader of finite numbers from `least` to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a number")
        return _within(value, least, most)

    return read


def _within(value: Number, least: float, most: float | None) -> Number:
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"{value} is out of range: choose {limits}")
    return value
