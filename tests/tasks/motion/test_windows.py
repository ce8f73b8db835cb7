"""Speech of any length is imagined without seams, and what was imagined is written and read."""

from __future__ import annotations

import numpy as np
import torch

from modules.motion.lm3d_vae import SpeechToLandmarks
from tasks.motion.windows import EDGE, imagine, in_windows, prior_noise, read_speech, write_landmarks
from tests.made import write_tone
from utils.visualization.lm_visualizer import read_landmarks


def test_a_long_sound_is_imagined_without_seams():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 4), dilation=2).eval()
    for parameter in model.vae.prior_flow.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    frames = 1210
    audio = torch.randn(2 * frames, 6)
    out = imagine(model, audio, None, seed=3, temperature=1.0)
    total = frames + 2 * EDGE
    drawn_out = torch.cat([audio[:1].repeat(2 * EDGE, 1), audio, audio[-1:].repeat(2 * EDGE, 1)])
    with torch.no_grad():
        whole = model.sample(
            drawn_out[None], torch.ones(1, total, dtype=torch.bool), prior_noise(1, model.latent, total, 1.0, 3)
        )[0, EDGE : EDGE + frames]
    assert out.shape == (frames, 68, 3)
    assert torch.allclose(out, whole, atol=1e-4)
    assert torch.equal(out, imagine(model, audio, None, seed=3, temperature=1.0))
    assert not torch.equal(out, imagine(model, audio, None, seed=4, temperature=1.0))


def test_ends_of_zeros_are_heard_as_geneface_hears_them():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 2), pitch=True).eval()
    audio, pitch = torch.randn(2 * 30, 6), torch.rand(2 * 30) * 300
    out = imagine(model, audio, pitch, seed=3, temperature=1.0, ends="zeros")
    padded, sung = torch.cat([audio, torch.zeros(4, 6)]), torch.cat([pitch, torch.zeros(4)])
    with torch.no_grad():
        noise = prior_noise(1, model.latent, 32, 1.0, 3)
        whole = model.sample(padded[None], torch.ones(1, 32, dtype=torch.bool), noise, sung[None])[0, :30]
    torch.testing.assert_close(out, whole, atol=1e-5, rtol=1e-4)
    drawn_out = imagine(model, audio, pitch, seed=3, temperature=1.0)
    assert (drawn_out - out).abs().max() > 1e-3


def test_the_direct_path_joins_without_seams_too():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 2), direct=8).eval()
    audio = torch.randn(2 * 1100, 6)
    out = imagine(model, audio, None, seed=0, temperature=0.0)
    with torch.no_grad():
        whole = model.likely(audio[None], torch.ones(1, 1100, dtype=torch.bool))[0]
    assert torch.allclose(out, whole, atol=1e-4)
    assert not torch.allclose(out, imagine(model, audio, None, seed=0, temperature=1.0), atol=1e-2)


def test_windows_join_in_order():
    asked = []

    def make(start: int, stop: int) -> torch.Tensor:
        asked.append((start, stop))
        return torch.arange(start, stop)

    assert in_windows(25, 4, make, window=8).tolist() == list(range(25))
    assert asked == [(0, 16), (8, 24), (16, 25)]


def test_landmarks_go_to_disk_and_back(tmp_path):
    landmarks = torch.randn(7, 68, 3)
    sound = write_tone(tmp_path / "a.wav", np.ones(100) / 9)
    path = write_landmarks(str(tmp_path / "out"), landmarks, None, sound)
    assert path == tmp_path / "out.npy"
    assert np.load(path).shape == (1, 7, 204)
    np.testing.assert_array_equal(read_landmarks(str(path)), landmarks.numpy())


def test_the_last_frame_begun_is_spoken_too(tmp_path):
    """A sound of 5.03 s has 126 frames, as in a video of it, and what ends within the last one is not cut off."""
    for seconds, frames in ((5.03, 126), (5.04, 126), (0.01, 1)):
        sound = write_tone(tmp_path / "a.wav", np.sin(np.arange(round(seconds * 16000)) / 9) / 9)
        audio, pitch = read_speech(str(sound), "mel")
        assert (len(audio), len(pitch)) == (2 * frames, 2 * frames)


def test_a_stretch_of_speech_has_the_noise_of_the_whole():
    torch.manual_seed(0)
    model = SpeechToLandmarks(6, hidden=16, condition=8, layers=(2, 2)).eval()
    audio = torch.randn(800, 6)
    whole = imagine(model, audio, None, seed=3, temperature=1.0)
    part = imagine(model, audio[2 * 120 :], None, seed=3, temperature=1.0, first=120)
    inner = model.reach + EDGE
    assert inner < 250
    torch.testing.assert_close(part[inner:], whole[120 + inner :], atol=1e-4, rtol=1e-4)
    other = imagine(model, audio[2 * 120 :], None, seed=3, temperature=1.0)
    assert (other[inner:] - whole[120 + inner :]).abs().max() > 1e-3
