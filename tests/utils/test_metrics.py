"""Metrics on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from utils import metrics


def test_psnr_of_a_known_error():
    truth = np.full((8, 8, 3), 100, np.uint8)
    assert metrics.psnr(truth, truth) == 100.0
    assert metrics.psnr(truth + 10, truth) == pytest.approx(20 * np.log10(25.5))


def test_a_box_limits_what_is_judged():
    truth = np.zeros((8, 8, 3), np.uint8)
    picture = truth.copy()
    picture[:4] = 255
    assert metrics.psnr(picture, truth, (0, 4, 8, 8)) == 100.0
    assert metrics.psnr(picture, truth, (0, 0, 8, 4)) == pytest.approx(0.0)


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)
    assert metrics.ssim(truth, truth) == pytest.approx(1.0)
    assert metrics.ssim(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8), truth) < 0.2


def test_points_box_has_margins_and_stays_inside():
    points = np.array([[10.0, 20.0], [30.0, 25.0]])
    assert metrics.points_box(points, 0.1, 64, 64) == (8, 18, 32, 27)
    assert metrics.points_box(points - 50, 0.0, 64, 64) == (0, 0, 1, 1)
