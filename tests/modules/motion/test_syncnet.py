"""SyncNet gives the published outputs, and its loss and offset hold at the edges."""

from __future__ import annotations

import pytest
import torch

from modules.motion.syncnet import SyncNet, find_offset, sync_loss
from tests.modules.motion.published import GOLDEN, assert_golden, filled, parameters, probe_input


@torch.no_grad()
def test_syncnet_is_the_published_one():
    model = filled(SyncNet(1024))
    assert parameters(model) == 9_304_352
    heard, seen = model(probe_input(2, 10, 1024), probe_input(2, 5, 60))
    assert_golden(heard, GOLDEN["syncnet"]["audio_embedding"])
    assert_golden(seen, GOLDEN["syncnet"]["mouth_embedding"])


def test_embeddings_are_unit_and_never_negative():
    heard, seen = SyncNet(39, width=32)(torch.randn(3, 10, 39), torch.randn(3, 5, 20, 3))
    for embedding in (heard, seen):
        assert embedding.shape == (3, 32)
        assert embedding.min() >= 0
        assert torch.allclose(embedding.norm(dim=1), torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sync_loss_is_finite_where_the_cosine_is_zero_or_one(dtype):
    same = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=dtype, requires_grad=True)
    other = torch.tensor([[0.0, 1.0], [0.6, 0.8]], dtype=dtype)
    for label in ([1.0, 0.0], [0.0, 1.0]):
        loss = sync_loss(same, other, torch.tensor(label))
        assert loss.dtype == torch.float32
        (gradient,) = torch.autograd.grad(loss, same)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0


def test_the_offset_of_a_net_that_knows_is_found():
    class Knows(SyncNet):
        """Embeds the first channel's value at the middle of a clip as an angle."""

        def embed_audio(self, audio):
            angle = audio[:, 4, 0]
            return torch.stack([angle.cos(), angle.sin()], dim=1)

        def embed_mouth(self, mouth):
            angle = mouth.flatten(2)[:, 2, 0]
            return torch.stack([angle.cos(), angle.sin()], dim=1)

    angles = torch.rand(80, generator=torch.Generator().manual_seed(0)) * 1.5
    audio = angles.repeat_interleave(2)[:, None].repeat(1, 4)
    mouth = angles[:, None, None].repeat(1, 68, 3)
    late = torch.cat([torch.zeros(6, 4), audio[:-6]])  # three frames
    assert find_offset(Knows(4, width=32), audio, mouth).offset_frames == 0
    found = find_offset(Knows(4, width=32), late, mouth)
    assert found.offset_frames == 3
    assert found.confidence > 0.05
    assert len(found.curve) == 31


@torch.no_grad()
def test_a_mouth_whose_mean_is_taken_off_is_judged_by_its_motion_alone():
    torch.manual_seed(0)
    common, own = SyncNet(39, width=32).eval(), SyncNet(39, width=32, own_mouth=True).eval()
    own.load_state_dict({"rest": torch.zeros(60), **common.state_dict()})
    face, mouth = torch.randn(68, 3), torch.randn(3, 5, 20, 3)
    own.rest_at(face)
    assert torch.allclose(own.embed_mouth(mouth + face[48:68]), common.embed_mouth(mouth), atol=1e-5)
    assert "rest" not in common.state_dict()
