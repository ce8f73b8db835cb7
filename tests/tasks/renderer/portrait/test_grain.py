"""Grain is as strong as what is lacking, lies on the face, and is the same whatever was drawn before."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tasks.renderer.portrait.grain import Grain, lacking
from tests.tasks.renderer.portrait.test_composer import SIDE, points_in
from utils.faces.landmarks import eye_distance


@pytest.fixture(scope="module")
def grain() -> Grain:
    return Grain(float(eye_distance(points_in(SIDE))))


def finest(picture: np.ndarray) -> np.ndarray:
    return picture - cv2.GaussianBlur(picture, (0, 0), 1.0)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_its_finest_part_has_a_deviation_of_one(grain):
    assert finest(grain.on((SIDE, SIDE), points_in(SIDE))).std() == pytest.approx(1, abs=0.1)


def test_it_goes_with_the_head_by_whole_pixels_and_by_parts_of_them(grain):
    still = grain.on((SIDE, SIDE), points_in(SIDE))
    there = grain.on((SIDE, SIDE), points_in(SIDE) + np.array([7, -3]))
    assert np.allclose(there[:-3, 7:], still[3:, :-7], atol=0.02)
    between = grain.on((SIDE, SIDE), points_in(SIDE) + np.array([0.5, 0]))
    assert finest(between).std() == pytest.approx(finest(still).std(), rel=0.15)
    assert 0.4 < alike(still, between) < 0.95


def test_a_mouth_that_opens_does_not_move_it(grain):
    assert np.array_equal(grain.on((SIDE, SIDE), points_in(SIDE)), grain.on((SIDE, SIDE), points_in(SIDE, opened=0.4)))


def test_a_part_of_a_picture_has_the_grain_of_that_part(grain):
    whole, part = grain.on((SIDE, SIDE), points_in(SIDE)), grain.on((20, 30), points_in(SIDE) - np.array([40, 50]))
    assert np.allclose(part, whole[50:70, 40:70], atol=0.02)


@pytest.mark.parametrize(("there", "own", "lacks"), [(3, 0, 3), (3, 3, 0), (0, 2, 0), (9, 0, 4)])
def test_so_much_is_lacking_as_the_frame_has_more(grain, there, own, lacks):
    noise = grain.on((SIDE, SIDE), points_in(SIDE))[..., None] * np.ones(3, np.float32)
    true, drawn = (np.clip(120 + noise * size, 0, 255).round().astype(np.uint8) for size in (there, own))
    assert lacking(true, drawn, np.full((SIDE, SIDE), 0.5, np.float32)) == pytest.approx(lacks, abs=0.5)
    assert lacking(true, drawn, np.ones((SIDE, SIDE), np.float32)) == 0
