from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.sections.left_out import how_to_keep, kept, stretches_without, times_told


def faces_except(count: int, *gaps: tuple[int, int]) -> np.ndarray:
    flags = np.ones(count, bool)
    for start, stop in gaps:
        flags[start:stop] = False
    return flags


@pytest.mark.parametrize(
    ("gaps", "cuts", "expected"),
    [
        ([], [], []),
        ([(100, 108)], [], []),
        ([(100, 109)], [], [(98, 111)]),
        ([(0, 75), (480, 500)], [75, 480], [(0, 77), (478, 500)]),
        ([(100, 114), (120, 140)], [], [(98, 142)]),
        ([(100, 114)], [122], [(98, 122)]),
        ([(k, k + 6) for k in range(10, 490, 40)], [], [(0, 18), *((k - 2, k + 8) for k in range(50, 490, 40))]),
    ],
    ids=["none", "short", "long", "title and end", "little between", "little before a cut", "many short ones"],
)
def test_stretches_are_left_out_when_they_are_long_or_many(gaps, cuts, expected):
    left_out = stretches_without(faces_except(500, *gaps), cuts)
    assert left_out == expected
    assert (~kept(500, left_out)).sum() == sum(stop - start for start, stop in expected)


def test_times_are_all_told_with_the_flags_that_help():
    stretches = [(3.0, 13.04), (20.0, 21.0), (30.0, 31.5)]
    assert times_told(stretches) == "from 3.0 to 13.0 s, from 20.0 to 21.0 s and from 30.0 to 31.5 s"
    assert times_told(stretches[:1]) == "from 3.0 to 13.0 s"
    assert times_told(stretches, most=1) == "from 3.0 to 13.0 s and in 2 more"
    assert how_to_keep(stretches) == "add --start_s 3 --duration_s 10.04 to use that part alone"
