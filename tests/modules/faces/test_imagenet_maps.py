"""ResNet-18 and EfficientNet-B0 from a folder give the published places' maps; another network is refused."""

from __future__ import annotations

import pytest
import torch
from transformers import EfficientNetConfig, EfficientNetModel, ResNetConfig, ResNetModel

from modules.faces.imagenet_maps import BLOCKS, ImagenetMaps


def resnet(folder, depths=(2, 2, 2, 2)):
    """Save a ResNet of narrow layers."""
    config = ResNetConfig(depths=list(depths), hidden_sizes=[4, 6, 8, 10], embedding_size=3, layer_type="basic")
    ResNetModel(config).eval().save_pretrained(folder)
    return folder


def efficientnet(folder):
    """Save an EfficientNet-B0 of narrow layers."""
    config = EfficientNetConfig(width_coefficient=0.1, depth_coefficient=1.0, depth_divisor=2, hidden_dim=128)
    EfficientNetModel(config).eval().save_pretrained(folder)
    return folder


@torch.no_grad()
def test_resnet18_gives_the_stem_and_three_of_its_stages(tmp_path):
    maps, template = ImagenetMaps("resnet18", resnet(tmp_path)).eval().stages(torch.zeros(1, 3, 64, 64))
    assert [tuple(each.shape[1:]) for each in maps] == [(3, 32, 32), (4, 16, 16), (6, 8, 8), (10, 2, 2)]
    assert template is None
    assert maps[0].min() >= 0, "after the ReLU"


@torch.no_grad()
def test_effnetb0_gives_the_stem_and_the_first_blocks_of_three_stages(tmp_path):
    network = ImagenetMaps("effnetb0", efficientnet(tmp_path)).eval()
    maps, _ = network.stages(torch.zeros(1, 3, 64, 64))
    assert [each.shape[-1] for each in maps] == [32, 32, 4, 2]
    assert len(network.network.encoder.blocks) == sum(BLOCKS["effnetb0"]) == 16


def test_another_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a resnet of \[1, 1, 1, 1\] blocks, not resnet18"):
        ImagenetMaps("resnet18", resnet(tmp_path, (1, 1, 1, 1)))
    with pytest.raises(ValueError, match=r"a resnet of .* not effnetb0"):
        ImagenetMaps("effnetb0", tmp_path)
