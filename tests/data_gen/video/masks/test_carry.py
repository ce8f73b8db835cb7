"""Masks are carried along with what moves; where that cannot be, the frame itself is parsed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_gen.video.masks.carry import Carrier

SIZE, FRAMES = 256, 17


def textured(seed: int) -> np.ndarray:
    """Return a picture with something to follow everywhere."""
    noise = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    return cv2.cvtColor(smooth, cv2.COLOR_GRAY2RGB)


WALL, COAT = textured(0), textured(1)


def disc(x: float, y: float = 128, radius: float = 70) -> np.ndarray:
    """Return a mask (H, W) uint8."""
    return cv2.circle(np.zeros((SIZE, SIZE), np.uint8), (round(x), round(y)), round(radius), 255, -1, cv2.LINE_AA)


def frame(mask: np.ndarray, x: float) -> np.ndarray:
    """Return a picture in which a textured coat is where the mask is, and moves along with x."""
    coat = np.roll(COAT, round(x), axis=1)
    return np.where(mask[..., None] > 127, coat, WALL).astype(np.uint8)


class Film:
    """A disc that moves to the right by a pixel a frame, and jumps at cuts."""

    def __init__(self, places: list[float]) -> None:
        self.places = places
        self.true = [disc(x) for x in places]
        self.pictures = np.stack([frame(mask, x) for mask, x in zip(self.true, places, strict=True)])
        self.asked: list[int] = []

    def parse(self, number: int) -> np.ndarray:
        self.asked.append(number)
        return np.stack([self.true[number], 255 - self.true[number]], axis=-1)

    def carried(self, shots: list[tuple[int, int]], every: int) -> list[np.ndarray]:
        return list(Carrier(self.pictures, self.parse, every, (0,)).masks(shots))


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one > 127) & (other > 127)).sum() / ((one > 127) | (other > 127)).sum())


def test_masks_move_along_with_what_they_are_of_though_few_frames_are_parsed():
    film = Film([110 + index for index in range(FRAMES)])
    masks = film.carried([(0, FRAMES)], 8)
    assert sorted(film.asked) == [0, 4, 8, 12, 16], "eight pixels are too far for this wall"
    likenesses = [likeness(mask[..., 0], true) for mask, true in zip(masks, film.true, strict=True)]
    assert min(likenesses) > 0.975
    standing = likeness(film.true[2], film.true[0])
    assert standing < 0.97, "what is not carried would lie far off"
    for number in film.asked:
        np.testing.assert_array_equal(masks[number][..., 0], film.true[number])


def test_nothing_is_carried_across_a_cut():
    film = Film([100.0] * 6 + [150.0] * 6)
    masks = film.carried([(0, 6), (6, 12)], 12)
    assert sorted(film.asked) == [0, 5, 6, 11]
    for mask, true in zip(masks, film.true, strict=True):
        assert likeness(mask[..., 0], true) > 0.99


@pytest.mark.parametrize("shots", [[(0, 1)], [(0, 2)], [(0, 1), (1, 3)]])
def test_shots_of_a_frame_or_two_are_parsed(shots):
    film = Film([100.0, 150.0, 151.0])
    masks = film.carried(shots, 8)
    assert len(masks) == shots[-1][1]
    assert sorted(film.asked) == list(range(shots[-1][1]))


def test_every_frame_is_parsed_where_that_is_asked_for():
    film = Film([100.0] * 5)
    film.carried([(0, 5)], 1)
    assert sorted(film.asked) == [0, 1, 2, 3, 4]


def test_where_masks_do_not_follow_from_each_other_the_middle_is_parsed():
    """A parser that takes the disc for twice as large from a frame on, though nothing in the picture says so."""
    film = Film([128.0] * 17)
    film.true[11:] = [disc(128, radius=90)] * 6
    masks = film.carried([(0, 17)], 16)
    assert {10, 11} <= set(film.asked)
    for mask, true in zip(masks, film.true, strict=True):
        np.testing.assert_array_equal(mask[..., 0], true)
    assert len(film.asked) < 9


def test_what_comes_and_goes_between_two_parsed_frames_is_seen():
    """A hand before the edge for three frames."""
    film = Film([128.0] * 13)
    for number in (5, 6, 7):
        film.true[number] = np.where(disc(198, 128, 30) > 127, 0, film.true[number]).astype(np.uint8)
        film.pictures[number][disc(198, 128, 30) > 127] = (255, 255, 255)
    masks = film.carried([(0, 13)], 12)
    assert {5, 6, 7} <= set(film.asked)
    assert likeness(masks[6][..., 0], film.true[6]) == 1
