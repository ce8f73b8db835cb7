"""The refiner and its critic give the published outputs."""

from __future__ import annotations

import torch

from modules.motion.postnet import FrameCritic, PostNet
from tests.modules.motion.published import GOLDEN, assert_golden, filled, mask_of, parameters, probe_input


@torch.no_grad()
def test_postnet_and_critic_are_the_published_ones():
    model, critic = filled(PostNet()), filled(FrameCritic())
    assert (parameters(model), parameters(critic)) == (796_620, 158_080)
    landmarks = probe_input(1, 32, 204).unflatten(-1, (68, 3))
    assert_golden(model(landmarks, mask_of(1, 32)), GOLDEN["postnet"])
    assert_golden(critic(landmarks[0]), GOLDEN["critic"])
    assert PostNet(pitch_dim=64).block1[0].conv_block[0].in_channels == 268


def test_postnet_can_begin_as_the_identity_and_keeps_padding_at_zero():
    model = PostNet(width=8)
    mask = mask_of(1, 12)
    mask[0, 9:] = False
    landmarks = torch.randn(1, 12, 68, 3)
    assert (model(landmarks, mask) - landmarks)[0, :9].abs().max() > 0
    model.start_at_identity()
    out = model(landmarks, mask)
    assert torch.equal(out[0, :9], landmarks[0, :9])
    assert out[0, 9:].abs().max() == 0
