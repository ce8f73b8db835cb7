"""IResNet is ArcFace's: known by its names, and the same network when its norms are folded away."""

from __future__ import annotations

import pytest
import torch

from modules.faces.iresnet import STAGES, Block, depth_of


@pytest.mark.parametrize("depth", STAGES)
def test_the_depth_is_read_from_the_names(depth):
    names = {f"layer{k}.{i}.conv1.weight" for k, blocks in enumerate(STAGES[depth], 1) for i in range(blocks)}
    assert depth_of(names) == depth


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match="not the weights of an IResNet-50 or -100"):
        depth_of({"layer1.0.conv1.weight", "fc.weight"})


@torch.no_grad()
@pytest.mark.parametrize(("outputs", "stride"), [(4, 1), (6, 2)])
def test_a_folded_block_gives_the_same_with_fewer_layers(outputs, stride):
    torch.manual_seed(0)
    block = Block(4, outputs, stride)
    for _ in range(3):
        block(torch.randn(8, 4, 10, 10) + 1)  # norms that norm something
    block.eval()
    images = torch.randn(2, 4, 10, 10)
    before = block(images)
    block.fold()
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in block.modules()) == 1
    for folded, own in zip(block(images), before, strict=True):
        torch.testing.assert_close(folded, own, atol=1e-5, rtol=1e-4)
