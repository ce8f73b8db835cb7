"""The template decoders, their critic, the IResNet and the losses give the published networks' figures."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import onnxruntime
import pytest
import torch

from modules.faces.iresnet import IResNet, depth_of
from modules.onnx.format import write_onnx
from modules.template_decoder import (
    CHANNELS,
    SIZES,
    FaceCritic,
    TemplateDecoder,
    Vgg11Maps,
    from_afar,
    laplace_loss,
    laplacian_norm,
    mixtures,
    perceptual_loss,
)
from tests.modules.golden import assert_golden, filled, probe

GOLDEN = json.loads((Path(__file__).parent / "golden_pictures.json").read_text())


@pytest.mark.slow  # the same figures are asked of the imported files: tests/tasks/exchange/sources/test_rbh24.py
@pytest.mark.parametrize("kind", ["naive", "large", "fr"])
def test_a_decoder_is_the_published_one(kind):
    with torch.no_grad():
        made = filled(lambda: TemplateDecoder(kind))(probe(2, 512))
    assert made.shape == (2, 3, SIZES[kind], SIZES[kind])
    assert_golden(made, GOLDEN[f"decoder_{kind}"])


def test_a_decoder_takes_templates_of_any_width():
    assert TemplateDecoder("fr", 128).eval()(torch.randn(1, 128)).shape == (1, 3, 112, 112)


NORMALISED = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "swap_red_blue": True}


@torch.no_grad()
def test_pictures_are_rgb_however_the_layers_normalise_them():
    plain, own = filled(lambda: TemplateDecoder("light")), filled(lambda: TemplateDecoder("light", **NORMALISED))
    assert plain.state_dict().keys() == own.state_dict().keys()
    given = plain(probe(2, 512))
    mean, std = (torch.tensor(NORMALISED[name])[:, None, None] for name in ("mean", "std"))
    made = own(probe(2, 512))
    torch.testing.assert_close(made, (2 * (given * std + mean) - 1)[:, [2, 1, 0]], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(own.in_own_units(made), given, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(plain.in_own_units(given), given)


@torch.no_grad()
def test_the_onnx_file_gives_rgb_whatever_the_layers_give():
    own = filled(lambda: TemplateDecoder("light", **NORMALISED))
    session = onnxruntime.InferenceSession(write_onnx(own.onnx_graph()), providers=["CPUExecutionProvider"])
    (given,) = session.run(None, {"input": probe(1, 512).numpy()})
    torch.testing.assert_close(torch.from_numpy(given), own(probe(1, 512)), atol=1e-4, rtol=1e-4)


def test_the_light_decoder_has_a_fourth_of_the_work():
    light, full = TemplateDecoder("light"), TemplateDecoder("fr")
    assert light.eval()(torch.randn(1, 512)).shape == (1, 3, 112, 112)
    work = [sum(9 * c * d * 4**i for i, (c, d) in enumerate(pairwise((512, *CHANNELS[k])))) for k in ("light", "fr")]
    last = [16 * CHANNELS[k][-1] ** 2 * 64**2 for k in ("light", "fr")]
    assert (work[0] + last[0]) * 4 < work[1] + last[1]
    assert sum(p.numel() for p in light.parameters()) < sum(p.numel() for p in full.parameters())


def test_mixtures_lie_between_two_templates():
    torch.manual_seed(0)
    templates = torch.linalg.qr(torch.randn(6, 6))[0] * 20
    mixed = mixtures(templates)
    assert mixed.norm(dim=1).numpy() == pytest.approx(20, rel=1e-5)
    one, other = (torch.cosine_similarity(mixed, t, dim=1) for t in (templates, templates.roll(1, 0)))
    assert (one > 0).all()
    assert (other > 0).all()
    assert (one**2 + other**2).numpy() == pytest.approx(1, rel=1e-5)


def test_from_afar_noise_is_gone_and_a_face_is_not():
    torch.manual_seed(0)
    rows = torch.linspace(-3, 3, 112)
    face = (rows[:, None].sin() * rows.cos()).expand(2, 3, 112, 112).clone().requires_grad_()
    noise = torch.randn(2, 3, 112, 112) * 0.5
    torch.manual_seed(1)
    seen = from_afar(face)
    torch.manual_seed(1)
    noisy = from_afar(face.detach() + noise)
    assert seen.shape == face.shape
    assert (noisy - seen).std() < 0.5 * noise.std()
    assert (seen - face).abs().mean() < 0.25 * face.abs().mean()
    assert torch.equal(seen[0], seen[1]), "made and real pictures are seen alike"
    seen.sum().backward()
    assert face.grad.abs().sum() > 0


def test_the_critic_is_the_published_one():
    assert_golden(filled(lambda: FaceCritic())(probe(2, 3, 112, 112)), GOLDEN["critic"])


def test_the_iresnet_gives_all_four_stages_and_the_feature_folded_too():
    network = filled(lambda: IResNet(50))
    assert depth_of(set(network.state_dict())) == 50
    with torch.no_grad():
        for given in (network, network.fold()):
            maps, feature = given.stages(probe(1, 3, 112, 112))
            for values, golden in zip([*maps, feature], GOLDEN["iresnet50"], strict=True):
                assert_golden(values, golden)


def test_the_losses_are_the_published_ones():
    a = probe(2, 3, 16, 16)
    b = a.flip(3) * 0.8
    golden = GOLDEN["losses"]
    assert laplacian_norm(a).flatten().tolist() == pytest.approx(golden["laplacian_norm"], rel=1e-4)
    assert (1000 * laplace_loss(a, b)).item() == pytest.approx(golden["laplace_x1000"], rel=1e-4)
    assert perceptual_loss([a], [b]).item() == pytest.approx(golden["mse"], rel=1e-4)
    total = (a - b).square().mean() + 1000 * laplace_loss(a, b) + 11 * perceptual_loss([a], [b])
    assert total.item() == pytest.approx(golden["total"], rel=1e-4)


def test_the_sharpness_loss_has_a_gradient_where_a_picture_is_flat():
    flat = torch.zeros(1, 3, 8, 8, requires_grad=True)
    laplace_loss(flat, torch.randn(1, 3, 8, 8)).backward()
    assert torch.isfinite(flat.grad).all()


def test_vgg_gives_four_maps_by_torchvision_names():
    network = Vgg11Maps()
    assert network.features[18].weight.shape == (512, 512, 3, 3)
    assert [tuple(m.shape[1:]) for m in network.stages(torch.zeros(1, 3, 32, 32))[0]] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 2, 2),
    ]  # fmt: skip
