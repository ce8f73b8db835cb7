"""The quick dropout drops what it says, keeps the mean, and is off in eval mode."""

from __future__ import annotations

import pytest
import torch

from modules.layers.dropout import Dropout


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_it_drops_as_much_as_it_says_and_scales_the_rest(p, kind):
    torch.manual_seed(0)
    made = Dropout(p)(torch.ones(200, 200, dtype=kind))
    assert made.dtype == kind
    assert made.eq(0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert made[made != 0].float().numpy() == pytest.approx(1 / max(1 - p, 1e-9), rel=1e-2)


def test_the_gradient_goes_where_the_values_went():
    x = torch.ones(1000, requires_grad=True)
    made = Dropout(0.3)(x)
    made.sum().backward()
    assert torch.equal(x.grad, made.detach())


def test_in_eval_mode_nothing_changes():
    x = torch.randn(5, 3)
    assert torch.equal(Dropout(0.5).eval()(x), x)


def test_it_follows_the_seed():
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(Dropout(0.5)(torch.ones(50)))
    assert torch.equal(*made)
