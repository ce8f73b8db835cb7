"""A loop is compiled where what was compiled cannot be kept, too."""

from __future__ import annotations

from types import FunctionType

import numpy as np

from modules.renderer.loops.compiling import loop


def add_up(values):
    total = np.float32(0)
    for n in range(len(values)):
        total += values[n]
    return total


def test_a_loop_without_a_file_runs():
    nowhere = FunctionType(add_up.__code__.replace(co_filename="<nowhere>"), add_up.__globals__)
    assert loop(nowhere)(np.arange(5, dtype=np.float32)) == 10
