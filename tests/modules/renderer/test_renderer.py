"""The whole renderer: shapes at every upsampling, what landmarks change, and that rendering is always the same."""

from __future__ import annotations

import pytest
import torch

from modules.renderer import inference
from modules.renderer.batch import BatchRenderer, Inputs
from modules.renderer.inference import FrameRenderer
from modules.renderer.losses import interlevel_loss
from tests.modules.renderer.made import look, make, painted_torso


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_a_patch_has_so_many_pixels_per_ray_and_gradients(upsample):
    renderer = make(upsample)
    patch = renderer(*look(renderer, 2), noise=0.01, jitter=True)
    assert patch.colour.shape == (2, 3, 32, 32)
    assert patch.alpha.shape == (2, 1, 32, 32)
    (patch.colour.mean() + patch.alpha.mean() + interlevel_loss(patch.march)).backward()
    for name in ("planes", "bases", "grid", "grid_bases"):
        assert renderer.head.get_parameter(name).grad.abs().sum() > 0, name
    assert renderer.head.code.blend.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("height", "width"), [(32, 32), (30, 46)])
@pytest.mark.parametrize("upsample", [1, 2])
def test_a_rendered_torso_equals_the_one_of_training(upsample, height, width, monkeypatch):
    monkeypatch.setattr(inference, "MARGIN", 8)  # as far as a decoder of random numbers sees
    renderer = make(upsample, torso=True, height=height, width=width).eval()
    renderer.torso = painted_torso()
    torch.nn.init.normal_(renderer.torso.bend.weight, std=0.3)
    renderer.torso.motion = torch.randn(3, 2)
    landmarks, cameras, uv = look(renderer)
    backdrop = torch.randint(0, 255, (height, width, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    shown = torch.tensor([2])
    picture = frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop, shown)
    with torch.no_grad():
        head = renderer(landmarks, cameras, uv)
        colour, alpha = renderer.bare(renderer.pixels(uv), cameras, shown)
    behind = colour[0] + (1 - alpha[0]) * backdrop.permute(2, 0, 1) / 255
    whole = head.colour[0] + (1 - head.alpha[0]) * behind
    difference = (picture / 255 - whole.clamp(0, 1).permute(1, 2, 0)).abs()
    assert difference.max() < 5 / 255  # rays that only brush something are tried less often
    assert difference.mean() < 0.5 / 255


def test_a_camera_in_the_head_is_no_error():
    """A stranger's poses may put it there; nothing is divided by its distance then."""
    renderer = make(2).eval()
    landmarks, cameras, uv = look(renderer)
    cameras = cameras.clone()
    cameras[:, :3, 3] = 0
    assert renderer.decoder_extra(landmarks[:, 2], cameras, uv).isfinite().all()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    backdrop = torch.zeros(32, 32, 3, dtype=torch.uint8)
    code = frames.encode(landmarks)
    picture = frames(code, 0, landmarks[0, 2], cameras[0], backdrop)
    assert picture.shape == (32, 32, 3)
    inputs = Inputs(code.code, code.weights, landmarks[:, 2], cameras, backdrop[None])
    assert (BatchRenderer(frames, 1)(inputs)[0].int() - picture.int()).abs().max() <= 1
