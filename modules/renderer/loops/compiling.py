"""Compile a loop for this processor, and keep what was compiled for the next start."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function part of the loops that call it; their constants become its own."""
    return numba.njit(inline="always")(inspect.unwrap(function))  # type: ignore[no-any-return]


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call; it runs beside other threads, and its sums are ordered as is quickest.

    What was compiled is kept beside the source, else in the user's cache; where neither can be written, not at all.
    Places are clamped after they were made whole numbers, so that what is not a number reads no foreign memory.
    """
    function, options = inspect.unwrap(function), {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(**options)(function)  # type: ignore[no-any-return]


@inline
def sigmoid(x):  # type: ignore[no-untyped-def]
    """Return 1 / (1 + e^-x)."""
    return np.float32(1) / (np.float32(1) + np.float32(math.exp(-x)))
