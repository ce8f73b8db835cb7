from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.framing.bars import Bars, Region


def content(*frames: np.ndarray) -> Region:
    bars = Bars()
    for frame in frames:
        bars.look(frame)
    return bars.content()


def scene(seed: int, height: int = 200, width: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(40, 250, (height, width, 3)).astype(np.uint8)


def barred(seed: int, top: int, bottom: int, left: int = 0, right: int = 0, coat: int = 0) -> np.ndarray:
    """Return a scene between bars, with `coat` dark rows above the lower bar, and narrower ones above these."""
    frame = scene(seed)
    if coat:
        frame[200 - bottom - 2 * coat :, 20:110] = 10
    frame[:top], frame[200 - bottom - coat :], frame[:, :left], frame[:, 120 - right :] = 6, 8, 5, 3
    return frame


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ((0, 0, 0, 0), (0, 0, 120, 200)),
        ((50, 50, 0, 0), (0, 50, 120, 150)),
        ((0, 0, 20, 20), (20, 0, 100, 200)),
        ((40, 30, 10, 12), (10, 40, 108, 170)),
        ((50, 50, 0, 0, 12), (0, 50, 120, 150)),
        ((1, 1, 0, 0), (0, 0, 120, 200)),
    ],
    ids=["none", "letterbox", "pillars", "all sides", "a dark coat above the bar", "a dark line"],
)
def test_steady_bars_are_found_to_the_pixel(bars, expected):
    assert content(*(barred(seed, *bars) for seed in range(4))) == expected


def test_what_is_black_only_at_times_or_before_which_a_person_stands_is_no_bar():
    assert content(barred(0, 50, 50), scene(1)) == (0, 0, 120, 200)
    assert content(np.zeros((200, 120, 3), np.uint8)) == (0, 0, 120, 200)
    yy, xx = np.mgrid[0:200, 0:120]
    person = np.zeros((200, 120, 3), np.uint8)
    person[((xx - 60) / 25) ** 2 + ((yy - 80) / 35) ** 2 < 1] = (200, 150, 120)
    person[(yy > 120) & (np.abs(xx - 60) < yy - 110)] = (90, 90, 100)
    assert content(person) == (0, 0, 120, 200)


def test_a_part_of_a_smaller_picture_is_enlarged_inwards():
    assert Region(1, 2, 9, 8).times(1.5) == (2, 3, 13, 12)
    assert (Region(1, 2, 9, 8).width, Region(1, 2, 9, 8).height) == (8, 6)
