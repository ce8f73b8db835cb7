"""What is smoothed keeps its mean, lags nothing, and stops where a shot does."""

from __future__ import annotations

import numpy as np
import pytest

from utils.shots import shot_ranges, smooth_over_time


def test_smoothing_keeps_constants_and_lags_nothing_and_stops_at_cuts():
    step = np.concatenate([np.zeros(10), np.ones(10)])[:, None]
    np.testing.assert_array_equal(smooth_over_time(step, 2.0, cuts=[10]), step)
    pulse = np.zeros(21)
    pulse[10] = 1
    smooth = smooth_over_time(pulse, 1.5)
    np.testing.assert_allclose(smooth, smooth[::-1])
    assert smooth.argmax() == 10
    assert smooth.sum() == pytest.approx(1)
    np.testing.assert_array_equal(smooth_over_time(pulse, 0), pulse)


def test_shots_lie_between_cuts():
    assert shot_ranges(10, [4, 7]) == [(0, 4), (4, 7), (7, 10)]
    assert shot_ranges(3, [0, 3, 9]) == [(0, 3)]
    assert shot_ranges(0) == []
