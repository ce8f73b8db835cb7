"""Compile a loop for this processor, and keep what was compiled for the next start."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function part of the loops that call it; their constants become its own."""
    return numba.njit(inline="always")(inspect.unwrap(function))  # type: ignore[no-any-return]


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call; it runs beside other threads, and its sums are ordered as is quickest.

    What was compiled is kept beside the source, else in the user's cache; where neither can be written, not at all.
    """
    function = inspect.unwrap(function)
    try:
        return numba.njit(nogil=True, fastmath=True, error_model="numpy", cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True, fastmath=True, error_model="numpy")(function)  # type: ignore[no-any-return]
