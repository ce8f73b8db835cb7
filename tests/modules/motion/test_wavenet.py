"""A WaveNet hears as far as it says, and keeps padding at zero."""

from __future__ import annotations

import pytest
import torch

from modules.motion.wavenet import WaveNet


@pytest.mark.parametrize(("kernel", "layers", "dilation", "reach"), [(3, 2, 1, 2), (5, 3, 2, 14)])
def test_an_output_depends_on_its_reach_and_no_further(kernel, layers, dilation, reach):
    torch.manual_seed(0)
    network = WaveNet(4, kernel, layers, 2, dilation=dilation).eval()
    assert network.reach == reach
    x = torch.randn(1, 4, 61, requires_grad=True)
    network(x, torch.ones(1, 1, 61), torch.zeros(1, 2, 61))[0, :, 30].sum().backward()
    heard = x.grad[0].abs().sum(dim=0).nonzero().flatten()
    assert (int(heard.min()), int(heard.max())) == (30 - reach, 30 + reach)


def test_padding_is_zero():
    mask = torch.ones(1, 1, 9)
    mask[..., 6:] = 0
    assert WaveNet(4, 3, 2, 2)(torch.randn(1, 4, 9), mask, torch.zeros(1, 2, 9))[..., 6:].abs().max() == 0
