"""The decoder enlarges, and is closed where no ray hit."""

from __future__ import annotations

import torch

from modules.renderer.decoder import ConvDecoder, open_gate


def test_the_gate_closes_far_from_what_was_hit():
    alpha = torch.zeros(1, 1, 9, 9)
    alpha[0, 0, 4, 4] = 1
    gate = open_gate(alpha, 2)
    assert gate[0, 0, 8:10, 8:10].min() == 1
    assert gate[0, 0, 0].max() == 0


def test_a_fresh_decoder_enlarges_the_colour_of_the_rays():
    decoder = ConvDecoder(16, 0, 2)
    features, alpha = torch.zeros(1, 16, 8, 8), torch.ones(1, 1, 8, 8)
    features[:, :3] = 0.25
    colour, solid = decoder(features, alpha)
    assert torch.allclose(colour, torch.full((1, 3, 16, 16), 0.25))
    assert solid.min() > 0.9
