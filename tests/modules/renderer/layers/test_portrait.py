"""A portrait layer lets the render pass at first, sees the frame only outside its mask, and can learn both outputs."""

from __future__ import annotations

import pytest
import torch

from modules.renderer.layers.portrait import PortraitLayer
from modules.renderer.renderer import Renderer


def inputs(upsample: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    high, wide = 6 * upsample, 8 * upsample
    return torch.rand(2, 3, high, wide), torch.rand(2, 4, high, wide), torch.randn(2, 7, 6, 8)


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_untrained_it_shows_what_was_drawn(upsample):
    drawn, around, low = inputs(upsample)
    colour, mask = PortraitLayer(5, 2, upsample, width=4)(drawn, around, low)
    assert torch.equal(colour, drawn)
    assert mask.shape == (2, 1, *drawn.shape[2:])
    assert (mask > 0.85).all()


def test_the_covered_face_is_not_seen():
    layer = PortraitLayer(5, 2, 2, width=4)
    torch.nn.init.normal_(layer.leave.weight)
    drawn, around, low = inputs(2)
    mask = torch.zeros(2, 1, *drawn.shape[2:])
    mask[..., 3:9, 3:9] = 1
    other = around[:, :3].clone()
    other[..., 3:9, 3:9] = torch.rand(2, 3, 6, 6)
    covered = low[:, :1]
    seen = [Renderer.matched(layer, drawn, frame, mask, low[:, :6], covered) for frame in (around[:, :3], other)]
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))
    assert (seen[0][1] <= mask).all()
    outside = around[:, :3] * 0.5
    assert not torch.equal(Renderer.matched(layer, drawn, outside, mask, low[:, :6], covered)[0], seen[0][0])


def test_colour_and_mask_both_learn():
    layer = PortraitLayer(5, 2, 2, width=4)
    colour, mask = layer(*inputs(2))
    (colour.square().mean() + mask.mean()).backward()
    for last in (layer.leave, layer.cover):
        assert last.weight.grad is not None
        assert (last.weight.grad.flatten(1).abs().sum(dim=1) > 0).all()
