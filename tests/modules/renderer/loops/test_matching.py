"""What loops do around a portrait's convolutions is what its own code does."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from modules.renderer.inference import FrameRenderer, Inset
from modules.renderer.layers.portrait import PortraitLayer
from modules.renderer.loops.matching import fill_around
from modules.renderer.renderer import Renderer
from tests.modules.renderer.made import ball, look, make


def with_portrait(upsample: int) -> Renderer:
    renderer = ball(make(upsample, height=64, width=64), 0.8).eval()
    landmark_maps = 11 if renderer.landmark_input else 0
    renderer.portrait = PortraitLayer(renderer.head.feature_dim + 1, 3 + 2 * landmark_maps, upsample, width=4)
    for layer in (renderer.portrait.leave, renderer.portrait.cover):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return renderer


@pytest.mark.parametrize(("upsample", "dtype"), [(2, torch.float32), (4, torch.float32), (4, torch.bfloat16)])
def test_loops_match_what_tensors_match(upsample, dtype):
    renderer = with_portrait(upsample)
    windows, cameras, _ = look(renderer)
    part = (slice(16, 48), slice(8, 56))
    frame, backdrop = (torch.randint(0, 255, (64, 64, 3), dtype=torch.uint8)[part] for _ in range(2))
    mask = F.interpolate(torch.rand(1, 1, 8, 12), size=(32, 48), mode="bilinear")[0, 0]
    top, left, bottom, right = (side // upsample for side in (16, 8, 48, 56))
    inset = Inset(top, left, bottom, right, mask, frame, windows[0, 1])
    shown = []
    for loops in (True, False):
        frames = FrameRenderer(renderer, dtype=dtype, loops=loops)
        assert (frames.quick_portrait is not None) == loops
        shown.append(frames(frames.encode(windows), 0, windows[0, 2], cameras[0], backdrop, None, inset).int())
    assert shown[0].shape == (32, 48, 5)
    assert shown[0][..., 4].float().std() > 10
    assert shown[0][..., 3].float().std() > 10
    assert (shown[0][..., :3] - backdrop.int()).abs().float().mean() > 5
    assert (shown[0] - shown[1]).abs().max() <= (2 if dtype == torch.float32 else 8)


def test_pixels_lie_ray_by_ray_and_the_covered_frame_is_not_looked_at():
    drawn, frame = (torch.randint(0, 255, (6, 8, 3), dtype=torch.uint8) for _ in range(2))
    mask, low, out = torch.rand(6, 8), torch.rand(3, 4, 5), torch.zeros(3, 4, 7 * 4 + 5)
    fill_around(drawn.numpy(), frame.numpy(), mask.numpy(), 0.4, 2, low.numpy(), out.numpy())
    hole = (mask > 0.4)[None].float()
    around = torch.cat([drawn.permute(2, 0, 1) / 255, frame.permute(2, 0, 1) / 255 * (1 - hole), hole])
    wanted = torch.cat([F.pixel_unshuffle(around, 2), low.permute(2, 0, 1)]).permute(1, 2, 0)
    assert torch.allclose(out, wanted, atol=1e-6)
