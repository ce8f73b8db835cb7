"""A perceptor gives the maps of its network in its network's units, and says which file cannot be one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import ResNetConfig, ResNetModel

from modules.faces.iresnet import STAGES, IResNet
from modules.template_decoder import perceptual_loss
from tasks.template_to_face.perceptors import IMAGENET, Perceptor, make_perceptor, recogniser_network
from utils.errors import ConfigError, DataError


class Echo(nn.Module):
    """A network whose map is its input, and whose template is the mean colour."""

    def __init__(self, with_template=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.with_template = with_template

    def stages(self, images):
        return [images], images.mean((2, 3)) if self.with_template else None


def test_the_template_is_one_of_the_maps():
    perceptor = Perceptor(Echo(), {}, side=8)
    maps, template = perceptor(torch.full((2, 3, 16, 16), 0.5))
    assert [tuple(each.shape) for each in maps] == [(2, 3, 8, 8), (2, 3)]
    torch.testing.assert_close(template, torch.full((2, 3), 0.5))
    assert not any(parameter.requires_grad for parameter in perceptor.parameters())


def test_imagenets_networks_get_imagenets_colours():
    maps, template = Perceptor(Echo(with_template=False), {}, imagenet=True, side=None)(torch.zeros(1, 3, 4, 4))
    mean, std = (torch.tensor(values) for values in IMAGENET)
    torch.testing.assert_close(maps[0][0, :, 0, 0], (0.5 - mean) / std)
    assert template is None
    assert len(maps) == 1


@torch.no_grad()
def test_the_published_loss_has_four_terms(tmp_path, monkeypatch):
    monkeypatch.setitem(STAGES, 50, (1, 1, 2, 1))  # four stages as the published one, of a fifth of the blocks
    torch.manual_seed(0)
    network = IResNet(50).eval()
    torch.save(network.state_dict(), tmp_path / "backbone.pth")
    made, real = torch.randn(2, 1, 3, 112, 112).clamp(-1, 1)
    values = {}
    for name in ("fr", "fr_published"):
        perceptor = make_perceptor(name, str(tmp_path / "backbone.pth"), None)
        maps, wanted = (perceptor(images)[0] for images in (made, real))
        values[name] = perceptual_loss(maps, wanted)
        assert len(maps) == {"fr": 5, "fr_published": 4}[name]
    (*ours, first), (*theirs, second) = ([*maps, feature] for maps, feature in map(network.stages, (made, real)))
    terms = [(a - b).square().mean() for a, b in zip([*ours[:3], first], [*theirs[:3], second], strict=True)]
    torch.testing.assert_close(values["fr_published"], torch.stack(terms).mean(), rtol=1e-4, atol=1e-6)
    assert abs(values["fr"] / values["fr_published"] - 1) > 0.01
    for weights in ("", "some.onnx"):
        with pytest.raises(ConfigError, match=r"give its file, --perceptor_weights=backbone\.pth"):
            make_perceptor("fr_published", weights, Echo())


def test_without_a_file_it_is_the_templates_own_recogniser():
    network = Echo()
    perceptor = make_perceptor("fr", "", network)
    assert perceptor.network is network
    assert perceptor.source == {"path": "the templates' own recogniser"}


def test_what_is_no_perceptor_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.onnx does not exist\.$"):
        recogniser_network(tmp_path / "none.onnx")
    (tmp_path / "a.onnx").write_bytes(b"\x08\x07no graph at all")
    with pytest.raises(DataError, match=r"a\.onnx: "):
        recogniser_network(tmp_path / "a.onnx")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "b.pth")
    with pytest.raises(DataError, match=r"b\.pth: "):
        make_perceptor("fr", str(tmp_path / "b.pth"), None)


def test_imagenets_other_networks_come_from_a_folder_in_transformers_layout(tmp_path):
    config = ResNetConfig(depths=[2] * 4, hidden_sizes=[4, 4, 4, 4], embedding_size=3, layer_type="basic")
    ResNetModel(config).save_pretrained(tmp_path / "net")
    perceptor = make_perceptor("resnet18", str(tmp_path / "net"), None)
    assert perceptor.imagenet
    assert len(perceptor.source["sha256"]) == 64
    assert len(perceptor(torch.zeros(1, 3, 32, 32))[0]) == 4
    with pytest.raises(DataError, match=r"effnetb0: no weights at .*google/efficientnet-b0 has them\.$"):
        make_perceptor("effnetb0", str(tmp_path / "none"), None)
    with pytest.raises(DataError, match=r"it is a resnet of .*, not effnetb0\. Give"):
        make_perceptor("effnetb0", str(tmp_path / "net"), None)
