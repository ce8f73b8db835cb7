"""Voice encoder, VGG-Face and face decoder give the published networks' outputs and keep their promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.faces.vgg_face import VggFace, from_keras
from modules.speech_to_face.face_decoder import FaceDecoder, from_72
from modules.speech_to_face.losses import contrastive_loss, decoder_loss, direction_loss, distil_loss, identity_loss
from modules.speech_to_face.ve_conv import VoiceEncoder
from tests.modules.golden import assert_golden, probe, ruled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_speech2face.json").read_text())


def shapes_of(model: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


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


@torch.no_grad()
def test_the_voice_encoder_is_the_published_one():
    model = VoiceEncoder()
    assert sum(p.numel() for p in model.parameters()) == 148_062_976
    model.load_state_dict(ruled(shapes_of(model)))
    assert_golden(model.eval()(probe(1, 2, 257, 601)), GOLDEN["ve_conv"]["out"])


@pytest.fixture(scope="module")
def vgg() -> VggFace:
    return VggFace()


@pytest.mark.parametrize(("layout", "name"), [("linear", "VGGFace16_rcmalli"), ("convolution", "VGGFace_serengil")])
@torch.no_grad()
def test_vgg_face_reads_both_published_layouts(vgg, layout, name):
    assert sum(p.numel() for p in vgg.parameters()) == 145_002_878
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


@torch.no_grad()
def test_the_face_decoder_is_the_published_one():
    model = FaceDecoder(points=72)
    assert sum(p.numel() for p in model.parameters()) == 125_596_403
    model.load_state_dict(ruled(shapes_of(model)))
    face = model.eval()(probe(2, 4096))
    assert_golden(face.landmarks, GOLDEN["face_decoder"]["landmarks"])
    assert_golden(face.texture, GOLDEN["face_decoder"]["texture"])
    assert_golden(face.trunk, GOLDEN["face_decoder"]["pre"])


def test_losses_are_the_published_ones_when_asked():
    """Batch reductions, the weights of both voice encoders, and the sum."""
    vgg, decoder = VggFace().eval(), FaceDecoder(points=72).eval()
    vgg.load_published(ruled(vgg_shapes("linear")))
    decoder.load_state_dict(ruled(shapes_of(decoder)))
    x = probe(4, 4096)
    heard, seen = x.abs() + 0.1, x.flip(1).abs() + 0.05
    with torch.no_grad():
        losses = (
            direction_loss(heard, seen, "batch"),
            distil_loss(vgg.last_layer(heard), vgg.last_layer(seen), "batch"),
            decoder_loss(decoder.trunk(heard), decoder.trunk(seen)),
        )
    for name in ("S2FLoss_ve_conv", "S2FLoss_ast"):
        golden = GOLDEN[name]
        weighed = [c * float(loss) for c, loss in zip(golden["coef"], losses, strict=True)]
        assert [sum(weighed), *weighed] == pytest.approx(golden["sum,base,enc,dec"], rel=1e-4)


def test_decoder_losses_are_the_published_ones():
    lm, tex = 100 * probe(2, 144), probe(2, 3, 8, 8)
    mse, mae = (lm - 0.9 * lm).square().mean(), (tex - 0.5 * tex).abs().mean()
    assert [float(mse + 100 * mae), float(mse), float(100 * mae)] == pytest.approx(
        GOLDEN["FaceDecoderLoss_noembed"][:3], rel=1e-4
    )


def test_row_losses_do_not_depend_on_the_company_a_row_keeps():
    heard, seen = torch.rand(6, 32), torch.rand(6, 32)
    for loss in (direction_loss, distil_loss, identity_loss):
        each = torch.stack([loss(heard[i : i + 1], seen[i : i + 1]) for i in range(6)])
        torch.testing.assert_close(loss(heard, seen), each.mean())
    assert direction_loss(3 * heard, heard) == pytest.approx(0, abs=1e-6)
    assert direction_loss(heard, seen) == pytest.approx(2 * float(identity_loss(heard, seen)), rel=1e-5)


def test_the_contrastive_loss_knows_who_is_who():
    voice = torch.eye(4)
    person = torch.arange(4)
    assert contrastive_loss(voice, voice, person) < 1e-4
    assert contrastive_loss(voice, voice.roll(1, 0), person) > 10
    same = contrastive_loss(voice, voice.roll(1, 0), torch.zeros(4, dtype=torch.int64))
    assert same == pytest.approx(0, abs=1e-6)


def test_recomputing_changes_neither_gradients_nor_statistics():
    x = torch.randn(2, 2, 257, 280)
    found = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = VoiceEncoder(width=0.03, feature_dim=8, recompute=recompute)
        model(x).square().sum().backward()
        buffers = [b.clone() for b in model.buffers()]
        found.append(([p.grad for p in model.parameters()], buffers))
    for kept, recomputed in zip(*found, strict=True):
        for a, b in zip(kept, recomputed, strict=True):
            torch.testing.assert_close(a, b)


def test_the_voice_encoder_takes_any_length():
    model = VoiceEncoder(width=0.03, feature_dim=8).eval()
    for frames in (259, 301, 598, 601, 700):
        feature = model(torch.randn(1, 2, 257, frames))
        assert feature.shape == (1, 8)
        assert feature.min() >= 0


def test_72_points_become_68():
    points = torch.randn(1, 68, 2)
    lips = [*range(48, 55), 64, 63, 62, 61, 60, *range(54, 60), 48, 60, 67, 66, 65, 64]
    torch.testing.assert_close(from_72(torch.cat([points[:, :48], points[:, lips]], dim=1)), points)


def test_a_decoder_starts_from_the_mean_face():
    model = FaceDecoder(16, size=32, width=0.05)
    mean = torch.linspace(-1, 1, 136).reshape(68, 2)
    model.start_from(mean)
    assert (model.eval()(torch.rand(4, 16)).landmarks - mean).abs().max() < 0.1
