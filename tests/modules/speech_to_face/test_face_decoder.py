"""The face decoder gives the published outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.speech_to_face.face_decoder import FaceDecoder, from_72
from tests.modules.golden import assert_golden, probe, ruled, shapes_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_speech2face.json").read_text())


def test_the_face_decoder_has_the_published_size():
    with torch.device("meta"):
        assert sum(p.numel() for p in FaceDecoder(points=72).parameters()) == 125_596_403


@pytest.mark.slow  # the same figures are asked of the imported file: tests/tasks/exchange/sources/test_speech2face.py
@torch.no_grad()
def test_the_face_decoder_is_the_published_one():
    model = FaceDecoder(points=72)
    model.load_state_dict(ruled(shapes_of(model)))
    face = model.eval()(probe(2, 4096))
    assert_golden(face.landmarks, GOLDEN["face_decoder"]["landmarks"])
    assert_golden(face.texture, GOLDEN["face_decoder"]["texture"])
    assert_golden(face.trunk, GOLDEN["face_decoder"]["pre"])


def test_72_points_become_68():
    points = torch.randn(1, 68, 2)
    lips = [*range(48, 55), 64, 63, 62, 61, 60, *range(54, 60), 48, 60, 67, 66, 65, 64]
    torch.testing.assert_close(from_72(torch.cat([points[:, :48], points[:, lips]], dim=1)), points)


def test_a_decoder_starts_from_the_mean_face():
    model = FaceDecoder(16, size=32, width=0.05)
    mean = torch.linspace(-1, 1, 136).reshape(68, 2)
    model.start_from(mean)
    assert (model.eval()(torch.rand(4, 16)).landmarks - mean).abs().max() < 0.1
