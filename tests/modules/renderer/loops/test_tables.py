"""Gradients reach the rows that were read, as often as they were."""

from __future__ import annotations

import torch

from modules.renderer.loops.tables import spread


def test_gradients_are_those_of_a_plain_sum():
    torch.manual_seed(0)
    rows, weights = torch.randint(0, 9, (40, 3), dtype=torch.int32), torch.rand(40, 3)
    gradient, out = torch.randn(40, 5), torch.ones(9, 5)
    spread(rows.numpy(), weights.numpy(), gradient.numpy(), out.numpy())
    wanted = torch.ones(9, 5)
    wanted.index_add_(0, rows.flatten().long(), (weights[..., None] * gradient[:, None]).flatten(0, 1))
    assert torch.allclose(out, wanted, atol=1e-5)
