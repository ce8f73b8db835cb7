"""The quick PReLU gives torch's values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from modules.layers.prelu import PReLU, prelu


@pytest.mark.parametrize("slopes", [1, 5])
@pytest.mark.parametrize("shape", [(4, 5), (2, 5, 7, 3)])
def test_values_and_gradients_are_those_of_torch(slopes, shape):
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.rand(slopes) - 0.3
    x[0, 0] = 0
    given = [[t.clone().requires_grad_() for t in (x, weight)] for _ in range(2)]
    out = [prelu(*given[0]), F.prelu(*given[1])]
    assert torch.equal(*out)
    for made in out:
        (made * torch.linspace(-1, 1, made.numel()).view(shape)).sum().backward()
    torch.testing.assert_close(given[0][0].grad, given[1][0].grad, rtol=0, atol=0)
    torch.testing.assert_close(given[0][1].grad, given[1][1].grad, rtol=1e-5, atol=1e-6)


def test_it_works_under_autocast_and_in_either_layout():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), PReLU(8))
    x = torch.randn(2, 3, 9, 9).to(memory_format=torch.channels_last)
    wanted = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        made = net(x)
    torch.testing.assert_close(made.float(), wanted, rtol=2e-2, atol=2e-2)
    made.float().sum().backward()
    assert net[1].weight.grad.dtype == torch.float32
    assert torch.isfinite(net[1].weight.grad).all()


def test_its_weights_are_torchs():
    net = PReLU(3)
    net.load_state_dict(nn.PReLU(3, 0.1).state_dict())
    assert isinstance(net, nn.PReLU)
    assert net.weight.tolist() == pytest.approx([0.1] * 3)
