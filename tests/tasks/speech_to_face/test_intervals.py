"""Figures come with the interval of drawing persons again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.speech_to_face.intervals import (
    bootstrap_auc,
    bootstrap_correlation,
    bootstrap_shape,
    verification,
)
from tasks.speech_to_face.shapes import per_person


def test_verification_by_hand():
    """Two persons, two pictures each: one same pair at cosine 1, one at 0.6; other pairs at 0.6, 0, 0.8, 0."""
    feature = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0.6, 0.8, 0], [0.0, 0.0, 1.0]])
    person = torch.tensor([0, 0, 1, 1])
    found = verification(feature, person)
    assert found["cosine_same"] == pytest.approx(0.5)
    assert found["cosine_other"] == pytest.approx(0.3)
    perfect = verification(torch.eye(3).repeat_interleave(2, 0), torch.arange(3).repeat_interleave(2))
    assert perfect["auc"] == 1
    assert perfect["balanced_accuracy"] == 1
    assert torch.isnan(verification(feature, torch.arange(4))["auc"])


def test_a_correlation_is_of_persons():
    x = np.linspace(0, 1, 50)
    assert bootstrap_correlation(x, 3 * x - 1)["low"] == pytest.approx(1)
    np.testing.assert_allclose(per_person(np.array([1.0, 3.0, 5.0]), np.array([7, 7, 2])), [5, 2])


def test_intervals_of_verification_and_of_shapes():
    rng = np.random.default_rng(0)
    person = torch.arange(30).repeat_interleave(4)
    centres = torch.from_numpy(rng.normal(size=(30, 8)))
    noisy = centres[person] + torch.from_numpy(rng.normal(size=(120, 8)))
    found = bootstrap_auc(noisy, person)
    assert 0.6 < found["low"] < found["mean"] < found["high"] < 1
    assert found["mean"] == pytest.approx(float(verification(noisy, person)["auc"]))
    exact = bootstrap_auc(centres[person], person)
    assert exact["low"] == exact["mean"] == exact["high"] == 1, "a person drawn twice is not another person"
    true = rng.normal(size=(40, 68, 2))
    assert bootstrap_shape(2 * true + 3, true)["low"] == pytest.approx(1)
    half = bootstrap_shape(true + rng.normal(size=true.shape), true)
    assert half["low"] < half["mean"] < half["high"]
    assert half["mean"] == pytest.approx(0.5**0.5, abs=0.05)
