"""Intervals hold what they say, by hand and by counting."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.verdicts.intervals import bootstrap, wilson


def test_wilson_by_hand():
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    with pytest.raises(ValueError, match="a share of nothing"):
        wilson(0.0, 0)


def test_wilson_holds_the_true_share_19_times_of_20():
    shares = np.random.default_rng(0).binomial(30, 0.1, 2000) / 30
    holds = [low <= 0.1 <= high for low, high in (wilson(share, 30) for share in shares)]
    assert 0.93 < np.mean(holds) < 0.985


def test_intervals_hold_the_mean_and_draw_persons():
    values = np.random.default_rng(0).normal(1.0, 1.0, 200)
    figures = bootstrap(values, np.arange(200))
    assert figures["low"] < figures["mean"] < figures["high"]
    assert figures["high"] - figures["low"] == pytest.approx(4 / 200**0.5, rel=0.2)
    repeated = bootstrap(np.repeat(values, 10), np.repeat(np.arange(200), 10))
    assert repeated["high"] - repeated["low"] == pytest.approx(figures["high"] - figures["low"], rel=1e-6)
