"""The direct path is taught by the likeliest motion, and leaves the rest to the VAE."""

from __future__ import annotations

import torch

from modules.motion.lm3d_vae import SpeechToLandmarks
from tests.modules.motion.published import mask_of


def test_a_direct_path_is_taught_by_the_likeliest_motion_alone():
    torch.manual_seed(0)
    model = SpeechToLandmarks(7, hidden=16, condition=8, layers=(2, 2), direct=8)
    audio, mask, landmarks = torch.randn(2, 60, 7), mask_of(2, 30), torch.randn(2, 30, 68, 3)
    mask[1, 20:] = False
    out = model(audio, landmarks, mask)
    assert out.likely is not None
    assert out.likely.shape == out.landmarks.shape == landmarks.shape
    assert out.likely[1, 20:].abs().max() == out.landmarks[1, 20:].abs().max() == 0
    assert model.direct is not None
    out.landmarks.square().sum().backward(retain_graph=True)
    assert model.direct.last.weight.grad is None
    out.likely.square().sum().backward()
    assert model.direct.last.weight.grad is not None
    assert model.vae.decoder.out_proj.weight.grad is not None
    assert not any(name.startswith("direct") for name in SpeechToLandmarks(7, hidden=16).state_dict())


@torch.no_grad()
def test_what_the_encoder_sees_is_what_the_direct_path_leaves():
    torch.manual_seed(0)
    model = SpeechToLandmarks(7, hidden=16, condition=8, layers=(2, 2), direct=8).eval()
    mean = torch.randn(68, 3)
    model.start_at(mean)
    audio, mask = torch.randn(1, 40, 7), mask_of(1, 20)
    assert torch.allclose(model.likely(audio, mask), mean.expand(1, 20, 68, 3), atol=1e-6)
    seen = []
    model.vae.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(audio, mean.expand(1, 20, 68, 3), mask)
    assert seen[0].abs().max() < 1e-5
    noise = torch.zeros(1, 16, 5)
    plain = SpeechToLandmarks(7, hidden=16, condition=8, layers=(2, 2)).eval()
    assert torch.equal(plain.likely(audio, mask), plain.sample(audio, mask, noise))
