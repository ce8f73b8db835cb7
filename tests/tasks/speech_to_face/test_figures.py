"""Figures come with the interval of drawing persons again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.speech_to_face.figures import (
    RATIOS,
    bootstrap_auc,
    bootstrap_correlation,
    bootstrap_shape,
    cosine_with_others,
    per_person,
    ratios,
    retrieve,
    verification,
)


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


def test_retrieval_by_hand():
    faces = torch.eye(4)
    heard = torch.tensor([[1.0, 0, 0, 0], [0.9, 1.0, 0, 0], [1.0, 0.5, 0.2, 0]])
    entry = torch.tensor([10, 11, 12])
    found = retrieve(heard, entry, faces, torch.tensor([10, 11, 12, 13]))
    assert found.rank.tolist() == [0, 0, 2]
    figures = found.figures()
    assert figures["recall_1"] == pytest.approx(2 / 3)
    assert figures["recall_2"] == pytest.approx(2 / 3)
    assert figures["recall_5"] == 1
    assert figures["chance_1"] == 0.25
    alike = retrieve(torch.zeros(1, 4), torch.tensor([10]), faces, torch.tensor([10, 11, 12, 13]))
    assert alike.rank.tolist() == [3], "a tie is not a hit"


def test_an_owner_is_looked_for_among_persons_of_the_same_label():
    faces, gallery = torch.eye(4), torch.tensor([10, 11, 12, 13])
    heard = torch.tensor([[0.5, 1.0, 0, 0], [0, 0, 0.5, 1.0]])
    among = retrieve(heard, torch.tensor([10, 12]), faces, gallery, ["f", "m", "m", "f"])
    assert among.rank.tolist() == [0, 0], "who sounds more alike is of another label"
    assert among.choices.tolist() == [2, 2]
    assert retrieve(heard, torch.tensor([10, 12]), faces, gallery).rank.tolist() == [1, 1]


def test_the_cosine_with_another_person_is_never_with_the_same():
    cosine = np.array([[1.0, 0.9, 0.1], [0.8, 1.0, 0.3], [0.2, 0.4, 1.0]])
    np.testing.assert_allclose(cosine_with_others(cosine, np.array([5, 5, 2])), [0.1, 0.3, 0.3])
    assert len(cosine_with_others(cosine, np.zeros(3))) == 0


def test_ratios_do_not_depend_on_size_and_place():
    points = np.random.default_rng(0).random((3, 68, 2))
    for name, values in ratios(points).items():
        np.testing.assert_allclose(values, ratios(5 * points + 2)[name], err_msg=name)
    assert len(RATIOS) == 10
