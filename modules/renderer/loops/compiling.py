"""Compile a loop for this processor, and keep what was compiled for the next start."""

from __future__ import annotations

import inspect
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
    """
    function = inspect.unwrap(function)
    try:
        return numba.njit(nogil=True, fastmath=True, error_model="numpy", cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True, fastmath=True, error_model="numpy")(function)  # type: ignore[no-any-return]


POWERS = np.exp2(np.arange(-126, 128)).astype(np.float32)


@inline
def exponential(x):  # type: ignore[no-untyped-def]
    """Return e^x to 2e-7 of itself, for float32 within 80 of zero: the library's own takes several times as long."""
    x = min(max(x, np.float32(-80)), np.float32(80)) * np.float32(1.4426950408889634)
    whole = np.int32(x)
    if np.float32(whole) > x:
        whole -= np.int32(1)
    part = x - np.float32(whole)
    series = np.float32(0.00961813) + part * (np.float32(0.00133336) + part * np.float32(0.00015403))
    series = np.float32(0.69314718) + part * (np.float32(0.24022651) + part * (np.float32(0.05550411) + part * series))
    return POWERS[whole + 126] * (np.float32(1) + part * series)


@inline
def sigmoid(x):  # type: ignore[no-untyped-def]
    """Return 1 / (1 + e^-x)."""
    return np.float32(1) / (np.float32(1) + exponential(-x))
