"""Gradients reach the rows that were read, as often as they were."""

from __future__ import annotations

import torch

from modules.renderer.loops.tables import roughness, spread, spread_over_bases


def test_gradients_are_those_of_a_plain_sum():
    torch.manual_seed(0)
    rows, weights = torch.randint(0, 9, (40, 3), dtype=torch.int32), torch.rand(40, 3)
    gradient, out = torch.randn(40, 5), torch.ones(9, 5)
    spread(rows.numpy(), weights.numpy(), gradient.numpy(), out.numpy())
    wanted = torch.ones(9, 5)
    wanted.index_add_(0, rows.flatten().long(), (weights[..., None] * gradient[:, None]).flatten(0, 1))
    assert torch.allclose(out, wanted, atol=1e-5)


def test_bases_get_the_product_of_weights_and_gradients():
    torch.manual_seed(0)
    weights, gradient, out = torch.randn(3, 5), torch.randn(3, 5000), torch.full((5, 5000), torch.nan)
    spread_over_bases(weights.numpy(), gradient.numpy(), out.numpy())
    assert torch.allclose(out, weights.T @ gradient, atol=1e-5)


def test_roughness_is_that_of_differences():
    torch.manual_seed(0)
    plane, gradient = torch.randn(6, 6, 4, requires_grad=True), torch.zeros(6, 6, 4)
    wanted = plane.diff(dim=0).square().mean() + plane.diff(dim=1).square().mean()
    wanted.backward()
    assert abs(roughness(plane.detach().numpy(), gradient.numpy()) - wanted.item()) < 1e-5
    assert torch.allclose(gradient, plane.grad, atol=1e-6)
