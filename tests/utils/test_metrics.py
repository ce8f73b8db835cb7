"""Metrics on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

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


def test_auc_by_hand_and_a_tie_counts_half():
    assert metrics.auc(np.array([0.9, 0.8, 0.2, 0.1]), np.array([1.0, 1, 0, 0])) == 1
    assert metrics.auc(np.array([0.9, 0.8, 0.2, 0.1]), np.array([1.0, 0, 1, 0])) == 0.75
    assert metrics.auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5
    assert np.isnan(metrics.auc(np.array([0.1, 0.2]), np.array([1, 1])))


def test_auc_is_sklearn_s_ties_and_weights_included():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 20, 300) / 20, rng.random(300) < 0.3
    assert metrics.auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    weights = [rng.integers(0, 4, 300).astype(float) for _ in range(3)]
    wanted = [roc_auc_score(labels, scores, sample_weight=weight) for weight in weights]
    np.testing.assert_allclose(list(metrics.weighted_aucs(scores, labels, weights)), wanted, atol=1e-12)


def test_ssim_judges_a_box_smaller_than_its_window():
    truth = np.random.default_rng(0).integers(0, 255, (7, 9, 3)).astype(np.uint8)
    assert metrics.ssim(truth, truth) == pytest.approx(1.0)


def test_correlation_leaves_out_what_one_lacks_and_is_nan_for_a_constant():
    a, b = np.array([1.0, 2, 3, np.nan, 4]), np.array([2.0, 4, 6, 1, 8])
    assert metrics.correlation(a, b) == pytest.approx(1)
    assert np.isnan(metrics.correlation(np.ones(5), b))


def test_concordance_is_correlation_less_what_mean_and_spread_differ():
    a = np.array([0.0, 1.0, 2.0, 3.0])
    assert metrics.concordance(a, a) == pytest.approx(1.0)
    assert metrics.concordance(a, a + 1) == pytest.approx(2 * 1.25 / (1.25 + 1.25 + 1))
    assert metrics.concordance(a, 2 * a) == pytest.approx(2 * 2.5 / (1.25 + 5.0 + 2.25))
    assert np.isnan(metrics.concordance(a, np.ones(4)))
    assert metrics.concordance(np.append(a, np.nan), np.append(a, 9.0)) == pytest.approx(1.0)
