"""VGG-Face reads both published layouts and gives their outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.faces.vgg_face import VggFace, from_keras
from tests.modules.golden import assert_golden, probe, ruled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_speech2face.json").read_text())


def vgg_shapes(layout: str) -> dict[str, torch.Size]:
    """Return the published names and shapes: linear layers (rcmalli) or convolutions all through (serengil)."""
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    shapes = {}
    for n in range(1, 14):
        place = f"layer{n}.{0 if layout == 'linear' else 1}"
        shapes |= {f"{place}.weight": (widths[n], widths[n - 1], 3, 3), f"{place}.bias": (widths[n],)}
    for n, out, grid in ((14, 4096, 7), (15, 4096, 1), (16, 2622, 1)):
        channels = 512 if n == 14 else 4096
        index = {"linear": {14: 1, 15: 0, 16: 0}, "convolution": {14: 0, 15: 0, 16: 1}}[layout][n]
        flat, full = (out, channels * grid * grid), (out, channels, grid, grid)
        shapes[f"layer{n}.{index}.weight"] = flat if layout == "linear" else full
        shapes[f"layer{n}.{index}.bias"] = (out,)
    return {name: torch.Size(shape) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def vgg() -> VggFace:
    return VggFace()


def test_vgg_face_has_the_published_size():
    with torch.device("meta"):
        assert sum(p.numel() for p in VggFace().parameters()) == 145_002_878


@pytest.mark.slow  # the same figures are asked of the imported files: tests/tasks/exchange/sources/test_speech2face.py
@pytest.mark.parametrize(("layout", "name"), [("linear", "VGGFace16_rcmalli"), ("convolution", "VGGFace_serengil")])
@torch.no_grad()
def test_vgg_face_reads_both_published_layouts(vgg, layout, name):
    vgg.load_published(ruled(vgg_shapes(layout)))
    feature = vgg.eval()(probe(1, 3, 224, 224))
    assert_golden(feature, GOLDEN[name]["embedding"])
    assert_golden(vgg.last_layer(feature), GOLDEN[name]["logits"])


def small_vgg() -> VggFace:
    return VggFace(5, feature_dim=6, size=64, width=0.05)


def published_state(model: VggFace) -> dict[str, torch.Tensor]:
    convolutions = [m for m in model.convolutions if isinstance(m, torch.nn.Conv2d)]
    layers = [*convolutions, model.fc6, model.fc7, model.fc8]
    state = {f"layer{n}.0.weight": m.weight.detach() for n, m in enumerate(layers, 1)}
    return state | {f"layer{n}.0.bias": m.bias.detach() for n, m in enumerate(layers, 1)}


@torch.no_grad()
def test_keras_weights_keep_the_order_of_rows_and_a_wrong_order_is_mended():
    torch.manual_seed(1)  # some draws of so narrow a network say nothing but zeros
    model, again = small_vgg().eval(), small_vgg().eval()
    images = torch.rand(2, 3, 64, 64)
    state = published_state(model)
    layers = []
    for n in range(1, 17):
        weight, bias = state[f"layer{n}.0.weight"], state[f"layer{n}.0.bias"]
        if n == 14:
            weight = weight.unflatten(1, (-1, 2, 2)).permute(0, 2, 3, 1).flatten(1)  # Keras reads row by row
            wrong = {**state, "layer14.0.weight": weight}
        layers.append((weight.permute(2, 3, 1, 0) if weight.dim() == 4 else weight.T, bias))
    again.load_published(from_keras(layers))
    torch.testing.assert_close(again(images), model(images))
    again.load_published(wrong)
    assert not torch.allclose(again(images), model(images))
    again.load_published(wrong, fc6_rows="hwc")
    torch.testing.assert_close(again(images), model(images))


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"'conv1\.weight' is not a tensor of VGG-Face"):
        small_vgg().load_published({"conv1.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="15 layers with weights"):
        from_keras([(torch.zeros(1, 1), torch.zeros(1))] * 15)
