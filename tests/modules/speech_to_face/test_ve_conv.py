"""The voice encoder gives the published outputs, and takes any length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.speech_to_face.ve_conv import VoiceEncoder
from tests.modules.golden import assert_golden, probe, ruled, shapes_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_speech2face.json").read_text())


def test_the_voice_encoder_has_the_published_size():
    with torch.device("meta"):
        assert sum(p.numel() for p in VoiceEncoder().parameters()) == 148_062_976


@pytest.mark.slow  # the same figures are asked of the imported file: tests/tasks/exchange/sources/test_speech2face.py
@torch.no_grad()
def test_the_voice_encoder_is_the_published_one():
    model = VoiceEncoder()
    model.load_state_dict(ruled(shapes_of(model)))
    assert_golden(model.eval()(probe(1, 2, 257, 601)), GOLDEN["ve_conv"]["out"])


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
