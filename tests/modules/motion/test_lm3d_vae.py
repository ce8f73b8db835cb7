"""Speech to landmarks gives the published outputs, and keeps its promises at any width and length."""

from __future__ import annotations

import pytest
import torch

from modules.motion.lm3d_vae import SpeechToLandmarks
from tests.modules.motion.published import GOLDEN, assert_golden, filled, mask_of, parameters, probe_input


@torch.no_grad()
def test_speech_to_landmarks_is_the_published_one():
    model = filled(SpeechToLandmarks(1024))
    assert parameters(model) == 11_127_500
    assert parameters(SpeechToLandmarks(1024, pitch=True)) == 11_468_396
    out = model.sample(probe_input(1, 64, 1024), mask_of(1, 32), torch.zeros(1, 16, 8))
    assert_golden(out, GOLDEN["lm3d_vae_sync"])


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
