from __future__ import annotations

import numpy as np
import pytest

from data_gen.demo.column_warp import forward_rows, rising, warp_rows

SOURCE = rising(np.array([[0.0], [10.0], [20.0], [30.0], [40.0]]))
SLIT = 2


def rows(*values: float) -> np.ndarray:
    return np.array(values)


def test_knots_are_pushed_apart_and_those_that_rise_stay():
    pushed = rising(np.array([[1.0, 0.0], [1.0, 5.0], [0.0, 9.0]]))
    np.testing.assert_allclose(pushed[:, 0], [1.0, 1.02, 1.04])
    np.testing.assert_allclose(pushed[:, 1], [0.0, 5.0, 9.0])


def test_knots_that_did_not_move_move_nothing():
    asked = rows(-7.0, 0.0, 3.3, 20.0, 24.0, 39.0, 55.5)
    np.testing.assert_allclose(warp_rows(asked, np.zeros(7, int), SOURCE, SOURCE, SLIT), asked, atol=1e-12)


def test_a_knot_comes_from_where_it_was_and_beyond_the_last_all_moves_alike():
    target = SOURCE + np.array([[0.0], [2.0], [-3.0], [4.0], [0.0]])
    columns = np.zeros(5, int)
    np.testing.assert_allclose(warp_rows(target[:, 0], columns, target, SOURCE, SLIT), SOURCE[:, 0], atol=1e-9)
    moved = SOURCE + 5
    np.testing.assert_allclose(warp_rows(rows(-1.0, 99.0), columns[:2], moved, SOURCE, SLIT), [-6.0, 94.0])


def test_the_slit_is_a_straight_line_between_its_edges():
    target = SOURCE + np.array([[0.0], [0.0], [-4.0], [4.0], [0.0]])  # the gap 20..30 opens to 16..34
    at = rows(16.0, 20.5, 25.0, 34.0)
    np.testing.assert_allclose(warp_rows(at, np.zeros(4, int), target, SOURCE, SLIT), [20.0, 22.5, 25.0, 30.0])


@pytest.mark.parametrize("opened", [0.0, 6.0])
def test_where_a_pixel_went_is_where_it_comes_from(opened: float):
    target = rising(SOURCE + opened * np.array([[0.0], [0.3], [-1.0], [1.0], [0.5]]))
    came_from = rows(2.0, 12.0, 19.0, 31.0, 38.0, 60.0)
    columns = np.zeros(6, int)
    now = forward_rows(came_from, columns, target, SOURCE, SLIT)
    np.testing.assert_allclose(warp_rows(now, columns, target, SOURCE, SLIT), came_from, atol=0.02)
