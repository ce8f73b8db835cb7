"""Figures that could not be had are left out."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tasks.person.evaluate import held_out, without_nan
from utils.errors import DataError
from utils.metrics import correlation


def test_a_video_without_held_out_frames_is_refused():
    video = SimpleNamespace(path="videos/anna", shots={"val": []}.get)
    with pytest.raises(DataError, match="videos/anna holds no frame out to measure on"):
        held_out(SimpleNamespace(video=video), 250)


def test_correlation_leaves_out_what_was_not_found():
    a = np.array([0.0, 1.0, 2.0, np.nan, 4.0])
    assert correlation(a, 2 * a + 1) == pytest.approx(1.0)
    assert math.isnan(correlation(a, np.ones(5)))
    assert without_nan({"a": {"b": float("nan")}, "c": 1.5}) == {"a": {"b": None}, "c": 1.5}
