"""The losses are the published ones when asked, and do not depend on the company a row keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.faces.vgg_face import VggFace
from modules.speech_to_face.face_decoder import FaceDecoder
from modules.speech_to_face.losses import contrastive_loss, decoder_loss, direction_loss, distil_loss, identity_loss
from tests.modules.faces.test_vgg_face import vgg_shapes
from tests.modules.golden import probe, ruled, shapes_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_speech2face.json").read_text())


def test_losses_are_the_published_ones_when_asked():
    """Batch reductions, the weights of both voice encoders, and the sum."""
    with torch.device("meta"):  # only what the losses need of both networks is given numbers
        vgg, decoder = VggFace().eval(), FaceDecoder(points=72).eval()
    last = ruled(vgg_shapes("linear"), only="layer16.")
    vgg.fc8.load_state_dict({name.rpartition(".")[2]: value for name, value in last.items()}, assign=True)
    decoder.load_state_dict(ruled(shapes_of(decoder), only="pre_layers."), strict=False, assign=True)
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
