"""Whole frames: any size, any number of samples, the same every time."""

from __future__ import annotations

import itertools

import pytest
import torch

from modules.renderer import inference
from modules.renderer.inference import FrameRenderer, Inset
from modules.renderer.losses import distortion_loss
from tests.modules.renderer.made import ball, look, make


@pytest.mark.parametrize(("height", "width"), [(33, 47), (30, 64), (17, 9)])
@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_any_size_renders(height, width, upsample):
    renderer = make(upsample, height=height, width=width, torso=True).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.full((height, width, 3), 7, dtype=torch.uint8)
    picture = frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == torch.uint8


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_rendering_equals_the_patch_and_itself(upsample):
    renderer = make(upsample).eval()
    landmarks, cameras, uv = look(renderer)
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    code = frames.encode(landmarks)
    first = frames(code, 0, landmarks[0, 2], cameras[0], backdrop)
    assert torch.equal(
        first, FrameRenderer(renderer, dtype=torch.float32)(code, 0, landmarks[0, 2], cameras[0], backdrop)
    )
    with torch.no_grad():
        patch = renderer(landmarks, cameras, uv)
    whole = patch.colour[0] + (1 - patch.alpha[0]) * backdrop.permute(2, 0, 1) / 255
    wanted = (whole * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    assert (first.int() - wanted.int()).abs().max() <= 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_task_that_trains_in_bfloat16_renders_the_same_pictures(dtype):
    renderer = ball(make(2, torso=True)).eval()
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.full((32, 32, 3), 7, dtype=torch.uint8)

    def picture():
        frames = FrameRenderer(renderer, dtype=dtype)
        return frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop)

    plain = picture()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(picture(), plain)


@pytest.mark.parametrize(("upsample", "vanilla"), [(1, False), (2, False), (4, False), (1, True)])
def test_an_inset_is_that_part_of_the_whole_picture(upsample, vanilla, monkeypatch):
    monkeypatch.setattr(inference, "MARGIN", 8)
    monkeypatch.setattr(inference, "INSET_MARGIN", 8)  # as far as a decoder of random numbers sees
    renderer = make(upsample, vanilla=vanilla).eval()
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    code = frames.encode(landmarks)
    whole = frames(code, 0, landmarks[0, 2], cameras[0], backdrop)
    top, left, bottom, right = 8 // upsample, 12 // upsample, 24 // upsample, 28 // upsample
    part = (slice(8, 24), slice(12, 28))
    mask = torch.rand(16, 16)
    inset = Inset(top, left, bottom, right, mask, backdrop[part], landmarks[0, 2])
    drawn = frames(code, 0, landmarks[0, 2], cameras[0], backdrop[part], None, inset)
    assert (drawn[..., :3].int() - whole[part].int()).abs().max() <= 1
    assert (drawn[..., 3] / 255 - mask).abs().max() <= 0.5 / 255 + 1e-6
    assert drawn.shape[2] == 5


def test_an_inset_of_nothing_is_nothing():
    renderer = make(2).eval()
    landmarks, cameras, _ = look(renderer)
    frames = FrameRenderer(renderer)
    nothing = torch.zeros(0, 0, 3, dtype=torch.uint8)
    inset = Inset(0, 0, 0, 0, torch.zeros(0, 0), nothing, landmarks[0, 2])
    assert frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], nothing, None, inset).shape == (0, 0, 5)


def test_bfloat16_differs_little():
    renderer = make(2).eval()
    torch.nn.init.normal_(renderer.head.planes, std=0.3)
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.zeros(32, 32, 3, dtype=torch.uint8)
    pictures = []
    for dtype in (torch.float32, torch.bfloat16):
        frames = FrameRenderer(renderer, dtype=dtype)
        pictures.append(frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop).float())
    assert (pictures[0] - pictures[1]).abs().mean() < 3


@pytest.mark.parametrize("vanilla", [False, True])
@pytest.mark.parametrize("samples", [(0, 1), (0, 7), (1, 0), (7, 0), (1, 1), (3, 256), (256, 3)])
def test_any_number_of_samples_renders(samples, vanilla):
    renderer = make(1 if vanilla else 2, height=17, width=9, vanilla=vanilla).eval()
    renderer.head.samples, renderer.head.fine_samples = (min(n, 24) if vanilla else n for n in samples)
    if vanilla:  # else half of the untrained ones are empty
        torch.nn.init.constant_(renderer.head.model_coarse.density_out_linear.bias, 5.0)
        torch.nn.init.constant_(renderer.head.model_fine.density_out_linear.bias, 5.0)
    landmarks, cameras, uv = look(renderer)
    backdrop = torch.zeros(17, 9, 3, dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    picture = frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop)
    assert picture.shape == (17, 9, 3)
    assert picture.any()
    assert torch.isfinite(renderer(landmarks, cameras, uv, jitter=True).colour).all()


def test_more_samples_come_nearer_to_the_finest_picture():
    """A thin shell: too few steps miss it, and finer ones must never see less of it."""
    renderer = make(1, bases=0).eval()
    head = renderer.head
    with torch.no_grad():
        head.planes.normal_(std=0.3)
        head.last.bias[0] = 5.5
        side = torch.linspace(-1, 1, 8)
        z, y, x = torch.meshgrid(side, side, side, indexing="ij")
        head.grid.copy_(torch.where(x**2 + y**2 + z**2 < 0.6, 1.5, -12.0).flatten())
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.zeros(32, 32, 3, dtype=torch.uint8)

    def picture(*samples: int) -> torch.Tensor:
        head.samples, head.fine_samples = samples
        frames = FrameRenderer(renderer, dtype=torch.float32)
        return frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop).float()

    finest = picture(256, 256)
    coarse, fine = [(n, 8) for n in (2, 8, 32, 128, 256)], [(32, n) for n in (1, 4, 16, 64)]
    for rows in (coarse, fine, [(n, 0) for n in (2, 16, 128)]):
        errors = [float((picture(*row) - finest).abs().mean()) for row in rows]
        assert all(b <= a + 0.5 for a, b in itertools.pairwise(errors)), (rows, errors)
        assert errors[-1] < errors[0]


def test_scale_makes_more_pixels():
    renderer = make(2).eval()
    landmarks, cameras, _ = look(renderer)
    frames = FrameRenderer(renderer, scale=1.5, dtype=torch.float32)
    backdrop = torch.zeros(48, 48, 3, dtype=torch.uint8)
    assert frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop).shape == (48, 48, 3)


def test_an_empty_grid_shows_the_backdrop():
    renderer = make(2).eval()
    renderer.head.grid.data.fill_(-20.0)
    landmarks, cameras, _ = look(renderer)
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    assert torch.equal(frames(frames.encode(landmarks), 0, landmarks[0, 2], cameras[0], backdrop), backdrop)
    renderer.train()
    patch = renderer(*look(renderer), jitter=True)
    (patch.colour.sum() + distortion_loss(patch.march).nan_to_num()).backward()


def test_a_camera_that_looks_away_shows_the_backdrop():
    renderer = make(2).eval()
    landmarks, cameras, _ = look(renderer)
    away = cameras[0].clone()
    away[0, 3] = 100.0
    backdrop = torch.randint(0, 255, (32, 32, 3), dtype=torch.uint8)
    frames = FrameRenderer(renderer, dtype=torch.float32)
    assert torch.equal(frames(frames.encode(landmarks), 0, landmarks[0, 2], away, backdrop), backdrop)
