"""Sampling and compositing against closed forms and naive loops."""

from __future__ import annotations

import math

import pytest
import torch

from modules.renderer import sampling


def test_bins_without_jitter_are_their_middles():
    got = sampling.bin_positions(torch.tensor([1.0]), torch.tensor([3.0]), 4)
    assert got.tolist() == [[1.25, 1.75, 2.25, 2.75]]


def test_jitter_stays_in_its_bin():
    near, far = torch.tensor([0.0, 2.0]), torch.tensor([4.0, 6.0])
    got = sampling.bin_positions(near, far, 4, torch.rand(2, 4))
    assert torch.equal((got - near[:, None]).floor(), torch.arange(4.0).expand(2, 4))


def test_weights_equal_a_naive_loop():
    torch.manual_seed(0)
    density, lengths = 3 * torch.rand(5, 9), torch.rand(5, 9)
    for row in range(5):
        passed = 1.0
        for column in range(9):
            alpha = 1 - math.exp(-float(density[row, column] * lengths[row, column]))
            got = float(sampling.composite_weights(density, lengths)[row, column])
            assert got == pytest.approx(passed * alpha, abs=1e-6)
            passed *= 1 - alpha


def test_constant_density_absorbs_as_the_exponential_law_says():
    weights = sampling.composite_weights(torch.full((1, 50), 0.7), torch.full((1, 50), 0.04))
    assert float(weights.sum()) == pytest.approx(1 - math.exp(-0.7 * 2), abs=1e-5)


def test_weights_have_gradients():
    density = torch.rand(2, 5, dtype=torch.float64, requires_grad=True)
    lengths = torch.rand(2, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda d: sampling.composite_weights(d, lengths), (density,))


def test_samples_follow_a_density_that_is_known():
    """A triangle of weights: the k-th of n samples lies where its integral is (k + 1/2) / n."""
    bins, count = 400, 16
    middle = (torch.arange(bins) + 0.5) / bins
    got = sampling.inverse_cdf(2 * middle[None] / bins * 1e4, torch.zeros(1), torch.ones(1), count)
    wanted = ((torch.arange(count) + 0.5) / count).sqrt()
    assert torch.allclose(got[0], wanted, atol=5e-3)


def test_samples_are_sorted_and_inside_even_without_any_weight():
    got = sampling.inverse_cdf(torch.zeros(3, 8), torch.full((3,), 2.0), torch.full((3,), 4.0), 5)
    assert (got.diff(dim=-1) > 0).all()
    assert got.min() >= 2
    assert got.max() <= 4


def test_one_sample_stands_for_the_whole_ray():
    edges = sampling.sample_edges(torch.tensor([[2.5]]), torch.tensor([2.0]), torch.tensor([4.0]))
    assert edges.tolist() == [[2.0, 4.0]]


def test_edges_lie_between_samples_and_inside():
    edges = sampling.sample_edges(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([0.9]), torch.tensor([4.5]))
    assert torch.allclose(edges, torch.tensor([[0.9, 1.5, 3.0, 4.5]]))


def test_bound_counts_every_bin_that_a_piece_touches():
    coarse = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    edges = torch.tensor([[0.0, 1.0, 1.5, 3.2]])
    got = sampling.coarse_bound(coarse, edges, torch.tensor([0.0]), torch.tensor([4.0]))
    assert torch.allclose(got, torch.tensor([[0.1, 0.2, 0.9]]))


def test_pooled_bins_keep_the_sum_and_their_order():
    weights = torch.rand(5, 100)
    wide = sampling.pooled(weights, 32)
    assert wide.shape == (5, 32)
    torch.testing.assert_close(wide.sum(dim=-1), weights.sum(dim=-1))
    torch.testing.assert_close(sampling.pooled(weights[:, :64], 32), weights[:, :64].view(5, 32, 2).sum(dim=-1))
    torch.testing.assert_close(sampling.pooled(weights[:, :20], 32), weights[:, :20])
