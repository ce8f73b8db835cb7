"""Figures of the peers' protocol on faces whose distances are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.person.peers import Tally, mouth_distance
from utils.faces.landmarks import MEAN_FACE, MOUTH


def faces(openings: list[float]) -> np.ndarray:
    """Return faces (T, 68, 2) in pixels whose lower inner lip is lower by so many pixels."""
    points = np.tile(100 * MEAN_FACE[:, :2] * (1, -1), (len(openings), 1, 1))
    points[:, 65:68, 1] += np.array(openings)[:, None]
    return points


def test_a_mouth_that_is_elsewhere_but_alike_has_no_distance():
    real = faces([0.0, 5.0])
    assert mouth_distance(real + np.array([3, -2]), real) == pytest.approx(0, abs=1e-9)
    moved = real.copy()
    moved[:, MOUTH.start] += (20, 0)  # one of twenty: less the mean of 1, 19 px, and 1 px for each of the others
    assert mouth_distance(moved, real) == pytest.approx((19 + 19) / 20)


def test_lips_are_compared_where_both_faces_are_seen():
    openings = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    real = faces(openings)
    drawn = faces([1 + 0.5 * one for one in openings])
    drawn[2] = np.nan
    tally = Tally(psnr=[30.0, 40.0], psnr_filmed=[28.0, 30.0], points_px=list(drawn))
    figures = tally.figures(Tally(points_px=list(real)))
    assert math.isnan(figures["mouth_sharpness"])  # no picture was seen
    assert (figures["psnr"], figures["psnr_filmed"]) == (35.0, 29.0)
    assert "lpips" not in figures
    assert figures["faces_found"] == pytest.approx(5 / 6)
    assert figures["lip_opening_correlation"] == pytest.approx(1.0, abs=0.01)
    assert figures["lip_spread"] == pytest.approx(0.5, abs=1e-3)
    assert figures["gap_at_closed_px"] == pytest.approx(1.0, abs=0.01)


def test_without_a_face_the_lips_have_no_figures():
    real = faces([0.0, 2.0])
    figures = Tally(psnr=[30.0], psnr_filmed=[30.0], points_px=list(real * np.nan)).figures(Tally(points_px=list(real)))
    assert figures["faces_found"] == 0
    assert math.isnan(figures["lmd_mouth"])
