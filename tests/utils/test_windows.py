"""Windows keep every row once, and hear around it."""

from __future__ import annotations

import pytest

from utils.windows import overlapping_windows


@pytest.mark.parametrize("rows", [1, 999, 1000, 1001, 1250, 3777])
def test_windows_keep_every_row_once_and_see_around_it(rows):
    windows = list(overlapping_windows(rows, 1000, 124))
    assert [row for _, first, stop in windows for row in range(first, stop)] == list(range(rows))
    for start, first, stop in windows:
        assert start % 4 == 0
        assert first - start >= min(first, 124)
        assert min(rows, start + 1000) - stop >= min(rows - stop, 124)


def test_nothing_has_no_windows():
    assert list(overlapping_windows(0, 1000, 124)) == []
