"""The motion networks give the published networks' outputs, and keep their promises at any width."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modules.motion.audio_condition import FeatureNorm, pair_rows, pitch_bins
from modules.motion.lm3d_vae import PriorFlow, SpeechToLandmarks
from modules.motion.postnet import FrameCritic, PostNet
from modules.motion.syncnet import SyncNet, find_offset, sync_loss

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_motion.json").read_text())


def pattern(order: int, count: int) -> torch.Tensor:
    """Return the probe sequence of golden_motion.json's rule."""
    prime = 1_000_003
    j = torch.arange(count, dtype=torch.int64) % prime
    t = ((j * j % prime) * 7919 + j * 104729 + order * 1299709) % prime
    return t.double() / 500001.5 - 1


def probe_input(*shape: int) -> torch.Tensor:
    return (0.5 * pattern(12345, torch.Size(shape).numel())).float().reshape(shape)


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Give a network the rule's weights."""
    state, order = {}, 0
    for name, value in model.state_dict().items():
        if name.startswith("audio_norm"):
            state[name] = value
            continue
        s = pattern(order, value.numel()).reshape(value.shape)
        order += 1
        if name.endswith("num_batches_tracked"):
            s = torch.zeros_like(s)
        elif name.endswith("running_var"):
            s = 1 + 0.2 * s * s
        elif name.endswith("running_mean"):
            s = 0.05 * s
        elif name.endswith("bias"):
            s = 0.01 * s
        elif name.endswith("weight.original0") or value.dim() < 2:
            s = 1 + 0.1 * s
        else:
            s = s * 2 / (value.numel() / value.shape[0]) ** 0.5
        state[name] = s.to(value.dtype)
    model.load_state_dict(state)
    return model.eval()


def assert_golden(values: torch.Tensor, golden: dict) -> None:
    flat = values.detach().flatten().double()
    near = pytest.approx
    assert flat.mean().item() == near(golden["mean"], rel=1e-4, abs=1e-6)
    assert flat.std().item() == near(golden["std"], rel=1e-3)
    assert flat.abs().max().item() == near(golden["absmax"], rel=1e-4)
    assert flat[:5].tolist() == near(golden["first5"], rel=1e-4, abs=1e-6)
    assert flat[-2:].tolist() == near(golden["last2"], rel=1e-4, abs=1e-6)


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def mask_of(batch: int, frames: int) -> torch.Tensor:
    return torch.ones(batch, frames, dtype=torch.bool)


@torch.no_grad()
def test_syncnet_is_the_published_one():
    model = filled(SyncNet(1024))
    assert parameters(model) == 9_304_352
    heard, seen = model(probe_input(2, 10, 1024), probe_input(2, 5, 60))
    assert_golden(heard, GOLDEN["syncnet"]["audio_embedding"])
    assert_golden(seen, GOLDEN["syncnet"]["mouth_embedding"])


@torch.no_grad()
def test_speech_to_landmarks_is_the_published_one():
    model = filled(SpeechToLandmarks(1024))
    assert parameters(model) == 11_127_500
    assert parameters(SpeechToLandmarks(1024, pitch=True)) == 11_468_396
    out = model.sample(probe_input(1, 64, 1024), mask_of(1, 32), torch.zeros(1, 16, 8))
    assert_golden(out, GOLDEN["lm3d_vae_sync"])


@torch.no_grad()
def test_postnet_and_critic_are_the_published_ones():
    model, critic = filled(PostNet()), filled(FrameCritic())
    assert (parameters(model), parameters(critic)) == (796_620, 158_080)
    landmarks = probe_input(1, 32, 204).unflatten(-1, (68, 3))
    assert_golden(model(landmarks, mask_of(1, 32)), GOLDEN["postnet"])
    assert_golden(critic(landmarks[0]), GOLDEN["critic"])
    assert PostNet(pitch_dim=64).block1[0].conv_block[0].in_channels == 268


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


def test_the_flow_is_undone_exactly():
    torch.manual_seed(0)
    flow = PriorFlow(16, 16, 3, 4, 2, 12)
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z, condition = torch.randn(2, 16, 9), torch.randn(2, 12, 9)
    mask = torch.ones(2, 1, 9)
    mask[1, :, 6:] = 0
    z = z * mask
    back = flow(flow(z, mask, condition), mask, condition, reverse=True)
    assert torch.allclose(back, z, atol=1e-5)


@pytest.mark.parametrize("frames", [30, 32])
@pytest.mark.parametrize("pitch", [False, True])
@pytest.mark.parametrize("pairing", ["even", "pair"])
def test_any_length_and_setting_gives_masked_landmarks(frames, pitch, pairing):
    model = SpeechToLandmarks(7, pitch=pitch, audio_pairing=pairing, hidden=16, condition=8, layers=(2, 2))
    mask = mask_of(2, frames)
    mask[1, 20:] = False
    audio, pitch_hz = torch.randn(2, 2 * frames, 7), torch.full((2, 2 * frames), 120.0)
    landmarks = torch.randn(2, frames, 68, 3)
    out = model(audio, landmarks, mask, pitch_hz)
    assert out.landmarks.shape == (2, frames, 68, 3)
    assert out.landmarks[1, 20:].abs().max() == 0
    assert torch.isfinite(out.kl)
    likely = model.sample(audio, mask, torch.zeros(2, 16, -(-frames // 4)), pitch_hz)
    assert likely.shape == out.landmarks.shape
    assert likely[1, 20:].abs().max() == 0


def test_starting_at_the_mean_face_says_the_mean_face():
    model = SpeechToLandmarks(7, hidden=16, condition=8, layers=(2, 2))
    mean = torch.randn(68, 3)
    model.start_at(mean)
    out = model.sample(torch.zeros(1, 16, 7), mask_of(1, 8), torch.zeros(1, 16, 2))
    assert (out - mean).abs().mean() < 0.5 * mean.abs().mean()


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


def test_small_parts():
    assert pitch_bins(torch.tensor([0.0, 50.0, 1100.0, 5000.0])).tolist() == [1, 1, 255, 255]
    rows = torch.arange(12.0).reshape(1, 6, 2)
    assert pair_rows(rows, "even")[0].tolist() == [[0, 1], [4, 5], [8, 9]]
    assert pair_rows(rows, "pair")[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    norm = FeatureNorm(2)
    assert torch.equal(norm(rows), rows)
    norm.set(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0]))
    assert norm(torch.tensor([3.0, 5.0])).tolist() == [1.0, 3.0]
