"""The vanilla head has the original size."""

from __future__ import annotations

import torch

from modules.renderer.vanilla import RadianceMLP, VanillaHead, frequencies
from tests.modules.renderer.made import look, make


def test_vanilla_is_the_original_size():
    head = VanillaHead(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
    assert sum(p.numel() for p in head.parameters()) == 1_244_931
    assert sum(p.numel() for p in RadianceMLP(64).parameters()) == 595_844
    assert [layer.in_features for layer in head.model_fine.density_linears] == [127, 256, 256, 256, 256, 383, 256, 256]


def test_vanilla_renders_the_same_twice():
    renderer = make(1, vanilla=True, height=12, width=12).eval()
    landmarks, cameras, uv = look(renderer)
    with torch.no_grad():
        assert torch.equal(renderer(landmarks, cameras, uv).colour, renderer(landmarks, cameras, uv).colour)


def test_frequencies_are_ordered_by_band():
    got = frequencies(torch.tensor([[0.5, 1.0, 2.0]]), 2)
    assert got.shape == (1, 15)
    assert torch.allclose(got[0, 3:6], torch.sin(torch.tensor([0.5, 1.0, 2.0])))
    assert torch.allclose(got[0, 12:], torch.cos(torch.tensor([1.0, 2.0, 4.0])))
