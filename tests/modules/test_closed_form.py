"""Directions and regressions are those of the textbook, and what does not hold for others is not kept."""

from __future__ import annotations

import pytest
import torch

from modules.closed_form import best_ridge, canonical, principal, ridge


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_components_are_those_of_a_singular_value_decomposition(shape):
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mean, directions, amounts, deviations = principal(rows.clone(), torch.ones(len(rows)), 8)
    centred = rows - rows.mean(dim=0)
    sizes = torch.linalg.svdvals(centred)
    kept = min(len(rows) - 1, rows.shape[1])
    torch.testing.assert_close(mean, rows.mean(dim=0))
    torch.testing.assert_close(deviations[:kept], sizes[:kept] / len(rows) ** 0.5, atol=1e-4, rtol=1e-3)
    assert not deviations[kept:].any()
    assert not directions[kept:].any()
    torch.testing.assert_close(amounts @ directions, centred, atol=1e-4, rtol=1e-3)


def test_a_row_that_weighs_nothing_does_not_count():
    rows = torch.randn(9, 20, generator=torch.Generator().manual_seed(0))
    weights = torch.ones(9)
    weights[-1] = 1e-12
    mean, _, _, deviations = principal(rows.clone(), weights, 4)
    alone = principal(rows[:-1].clone(), torch.ones(8), 4)
    torch.testing.assert_close(mean, alone.mean)
    torch.testing.assert_close(deviations, alone.deviations, atol=1e-4, rtol=1e-3)


def test_the_regression_finds_the_line_that_there_is():
    inputs = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    slopes, offset = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([1.0, 2, 3])
    found, level = ridge(inputs, inputs @ slopes + offset, torch.rand(50) + 0.1, 0.0)
    torch.testing.assert_close(found, slopes, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(level, offset, atol=1e-4, rtol=1e-4)
    assert (ridge(inputs, inputs @ slopes, torch.ones(50), 100.0)[0].norm() < 0.5 * slopes.norm()).item()


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_softness_is_chosen_that_tells_of_others():
    inputs, wanted = noise(0, 60, 40), noise(1, 60, 1)
    groups = torch.arange(60) // 2
    slopes, offset = best_ridge(inputs, wanted, groups)
    assert slopes.norm() < 0.2, "what is noise is hardly learned"
    slopes, offset = best_ridge(inputs, inputs[:, :1] * 2 + 1, groups)
    assert slopes[0, 0] == pytest.approx(2, abs=0.2)
    assert offset[0] == pytest.approx(1, abs=0.2)


def test_what_two_have_in_common_is_found_and_what_they_have_not_is_not():
    common = noise(0, 400, 2)
    rows = torch.cat([3 * common[:, :1], noise(1, 400, 4), 0.2 * common[:, 1:]], dim=1)
    others = torch.cat([noise(2, 400, 5), common + 0.3 * noise(3, 400, 2)], dim=1)
    directions, sure = canonical(rows, others, torch.arange(400), 8)
    assert sure[:2].min() > 0.8
    assert sure[2:].max() < 0.3
    told = rows @ directions[:, :2]
    assert told.std(dim=0) == pytest.approx(torch.ones(2), abs=0.15)
    slopes, offset = ridge(told, common, torch.ones(400), 0.0)
    missed = (common - told @ slopes - offset).square().sum(0) / common.square().sum(0)
    assert missed.max() < 0.1, "both are told from the two directions"
    assert not directions[:, sure == 0].any()
    assert not directions[:, 6:].any(), "there are no more than six"
