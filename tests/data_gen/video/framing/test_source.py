"""Where a dataset lies in its video is a square, and near enough to be one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from data_gen.video.framing.source import Source


def test_a_square_may_reach_beyond_the_picture():
    assert Source(sha256="a", crop_px=(-8, 20, 56, 84), start_s=0).crop_px == (-8, 20, 56, 84)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop_px": (10, 10, 5, 5)}, {"crop_px": (0, 0, 64, 60)}, {"crop_px": (0, 0, 10**6, 10**6)},
        {"start_s": float("inf")}, {"start_s": float("nan")}, {"start_s": -1},
    ],
)  # fmt: skip
def test_what_is_none_is_refused(wrong):
    with pytest.raises(ValidationError):
        Source(**({"sha256": "a", "crop_px": (0, 0, 8, 8), "start_s": 0} | wrong))
