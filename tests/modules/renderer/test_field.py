"""Landmarks reach the field by its bases alone, and gradients reach all of it."""

from __future__ import annotations

import pytest
import torch

from tests.modules.renderer.made import look, make


def test_without_bases_landmarks_do_not_reach_the_field():
    renderer = make(1, bases=0).eval()
    landmarks, cameras, uv = look(renderer)
    with torch.no_grad():
        one, other = renderer(landmarks, cameras, uv), renderer(-landmarks, cameras, uv)
    assert torch.equal(one.colour, other.colour)


def test_with_bases_landmarks_change_the_picture():
    renderer = make(1).eval()
    landmarks, cameras, uv = look(renderer)
    with torch.no_grad():
        one, other = renderer(landmarks, cameras, uv), renderer(-3 * landmarks, cameras, uv)
    assert (one.colour - other.colour).abs().max() > 1e-3


@pytest.mark.parametrize("vanilla", [False, True])
def test_no_fine_samples_is_allowed(vanilla):
    renderer = make(1, fine=0, vanilla=vanilla)
    patch = renderer(*look(renderer), jitter=True)
    patch.colour.mean().backward()
    assert torch.isfinite(patch.colour).all()
