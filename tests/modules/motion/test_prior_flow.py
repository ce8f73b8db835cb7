"""The flow is undone exactly."""

from __future__ import annotations

import torch

from modules.motion.prior_flow import PriorFlow


def test_the_flow_is_undone_exactly():
    torch.manual_seed(0)
    flow = PriorFlow(16, 16, 3, 4, 2, 12)
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z, condition = torch.randn(2, 16, 9), torch.randn(2, 12, 9)
    mask = torch.ones(2, 1, 9)
    mask[1, :, 6:] = 0
    z = z * mask
    back = flow(flow(z, mask, condition), mask, condition, reverse=True)
    assert torch.allclose(back, z, atol=1e-5)
