"""An outline that stays where it was is left to the true frame; one that moves is drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tasks.renderer.portrait.outline import free_of_outline, moved_jaw
from tests.tasks.renderer.portrait.test_composer import SIDE, points_in
from utils.faces.landmarks import JAW, MOUTH, eye_distance

WHOLE = np.full((SIDE, SIDE), 255, np.uint8)


def head_of(points: np.ndarray) -> np.ndarray:
    """Fill the jaw and all above it."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    corners = np.concatenate([points[JAW], [[points[16, 0], 0], [points[0, 0], 0]]])
    cv2.fillPoly(mask, [corners.round().astype(np.int32)], 255)
    return mask


def covers(asked: np.ndarray, solid: np.ndarray = WHOLE, covered: float = 0.0) -> np.ndarray:
    own = points_in(SIDE)
    return free_of_outline(WHOLE, solid, head_of(own), np.full((SIDE, SIDE), covered, np.float32), own, asked)


def at(values: np.ndarray, place: np.ndarray) -> float:
    x, y = place.round().astype(int)
    return float(values[y, x])


def test_where_no_jaw_moves_the_outline_is_the_frames_and_the_mouth_is_drawn():
    own = points_in(SIDE)
    shares = covers(own)
    assert max(at(shares, point) for point in own[2:15]) < 0.05
    assert at(shares, own[8] + np.array([0, 4])) == 0
    assert at(shares, own[MOUTH].mean(axis=0)) > 0.95


def test_a_chin_that_moves_is_drawn_and_the_jaw_beside_the_ears_is_not():
    own, asked = points_in(SIDE), points_in(SIDE, opened=0.3)
    shares = covers(asked)
    assert at(shares, own[8]) > 0.9
    assert at(shares, asked[8]) > 0.9
    assert max(at(shares, own[2]), at(shares, own[14])) < 0.1


def test_within_a_still_outline_nothing_shows_but_a_head():
    own = points_in(SIDE)
    narrower = head_of(own)
    narrower[:, : SIDE // 2] = 0  # half of the drawing shows what is behind
    shares = covers(own, narrower)
    x, y = own[MOUTH].mean(axis=0).astype(int)
    assert shares[y, x - 8] == 0
    assert shares[y, x + 8] > 0.9


def test_what_lies_before_the_face_is_not_covered():
    assert covers(points_in(SIDE), covered=1.0).max() == 0


@pytest.mark.parametrize(("way", "most"), [((0, 0), 0), ((0, 0.01), 0), ((0, 0.1), 1)])
def test_a_chin_moves_by_what_leaves_its_line(way, most):
    own = points_in(SIDE)
    asked = own + np.array(way, np.float32) * eye_distance(own)
    assert moved_jaw(own, asked)[8] == pytest.approx(most, abs=0.01)
    assert moved_jaw(own, asked)[[0, 1, 2, 14, 15, 16]].max() == 0


def test_a_way_along_the_line_leaves_the_outline_where_it_is():
    own = points_in(SIDE)
    assert moved_jaw(own, own + np.array([0.1, 0], np.float32) * eye_distance(own))[8] == 0
