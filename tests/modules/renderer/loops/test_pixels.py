"""What loops give a decoder, take from it and draw of a torso is what the networks' own code gives."""

from __future__ import annotations

import pytest
import torch

from modules.renderer.inference import shade
from modules.renderer.quick import QuickDecoder, QuickTorso
from tests.modules.renderer.made import look, make, painted_torso


def one_level(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a.int() - b.int()).abs().max() <= 1)


@pytest.mark.parametrize("landmark_input", [True, False])
def test_a_map_holds_what_the_decoder_is_shown(landmark_input):
    renderer = make(2, height=40, width=36).eval()
    renderer.landmark_input = landmark_input
    _, cameras, uv = look(renderer)
    rays, landmarks = torch.rand(20 * 18, 17), torch.randn(68, 3)
    part = (slice(3, 17), slice(2, 15))
    with torch.inference_mode():
        low = QuickDecoder(renderer, uv[0], torch.float32).map(rays, part, landmarks, cameras[0])
        extra = renderer.decoder_extra(landmarks[None], cameras, uv[:, *part])
    wanted = torch.cat([rays.view(20, 18, 17)[part], extra[0].permute(1, 2, 0)], dim=-1)
    assert torch.allclose(low, wanted, atol=1e-5)


@pytest.mark.parametrize("upsample", [2, 4])
def test_a_decoded_part_is_laid_where_it_belongs(upsample):
    renderer = make(upsample, height=64, width=64).eval()
    _, _, uv = look(renderer)
    quick = QuickDecoder(renderer, uv[0], torch.float32)
    side = 64 // upsample
    low = torch.rand(side, side, 31)
    low[:4, :, 16] = 0  # no ray hit anything: what is behind stays
    behind, out = torch.randint(0, 255, (70, 80, 3), dtype=torch.uint8), torch.zeros(70, 80, 3, dtype=torch.uint8)
    with torch.inference_mode():
        seen = low.permute(2, 0, 1)[None]
        colour, alpha = renderer.decoder(seen[:, :16], seen[:, 16:17], seen[:, 17:])
        quick.lay(low, (slice(2, 50), slice(5, 61)), behind, out, (7, 9))
    wanted = shade(colour[0, :, 2:50, 5:61], alpha[0, :, 2:50, 5:61], behind[7:55, 9:65])
    assert one_level(out[7:55, 9:65], wanted)
    assert torch.equal(out[7, 9:65], behind[7, 9:65])
    out[7:55, 9:65] = 0
    assert not out.any()


def test_a_torso_is_bent_and_tinted_alike():
    torso = painted_torso().eval()
    for values in (torso.bend.weight, torso.changes):
        torch.nn.init.normal_(values, std=0.3)
    across, down = (torch.linspace(-1 + 1 / n, 1 - 1 / n, n) for n in (50, 44))
    places = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)[20:]
    code, out = torch.randn(1, 14), torch.randint(0, 255, (44, 50, 3), dtype=torch.uint8)
    with torch.inference_mode():
        colour, alpha = torso(places[None], code)
        wanted = shade(colour[0], alpha[0], out[20:])
        before = out.clone()
        QuickTorso(torso, places).lay(code, out, (20, 0))
    assert one_level(out[20:], wanted)
    assert not one_level(out[20:], before[20:])
    assert torch.equal(out[:20], before[:20])
