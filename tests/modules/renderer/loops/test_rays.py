"""Rays cast in a loop sum what rays cast as tensors do."""

from __future__ import annotations

import pytest
import torch

from modules.renderer.field import BlendPlaneHead
from modules.renderer.inference import FrameRenderer
from modules.renderer.renderer import Renderer
from tests.modules.renderer.made import ball, look, make

LEFT = 6e-3
"""A loop stops where so little passes, and tries rays less often that only brush something."""


def both(renderer: Renderer) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rays of a picture cast in a loop and as tensors, (P, C + 1) each."""
    windows, cameras, _ = look(renderer)
    renderer.head.last.bias.data[0] = 5
    frames = [FrameRenderer(renderer, dtype=torch.float32, loops=loops) for loops in (True, False)]
    with torch.inference_mode():
        code = frames[0].encode(windows)
        loop, tensors = (one.marcher(code, 0, cameras[0]) for one in frames)
    assert (tensors[:, -1] > 0.3).any()
    return loop, tensors


@pytest.mark.parametrize(("fine", "bases"), [(4, 4), (5, 4), (0, 4), (1, 4), (4, 0)])
def test_a_loop_sums_what_tensors_do(fine, bases):
    loop, tensors = both(ball(make(1, fine=fine, bases=bases, height=33, width=47)).eval())
    assert (loop - tensors).abs().max() < LEFT


@pytest.mark.parametrize(("samples", "fine"), [(0, 4), (48, 8)])
def test_any_number_of_coarse_steps_will_do(samples, fine):
    renderer = ball(make(1, fine=fine)).eval()
    renderer.head.samples = samples
    loop, tensors = both(renderer)
    assert (loop - tensors).abs().max() < LEFT


def test_tables_need_not_be_as_wide_as_a_register():
    renderer = ball(make(1)).eval()
    torch.manual_seed(0)
    old = renderer.head
    renderer.head = BlendPlaneHead(
        old.box, old.face_box, bases=3, plane_size=16, dynamic_size=8, grid_size=8, channels=7, hidden=9, samples=6,
        fine_samples=3,
    ).eval()  # fmt: skip
    torch.nn.init.normal_(renderer.head.planes)
    ball(renderer)
    loop, tensors = both(renderer)
    assert (loop - tensors).abs().max() < LEFT


def test_rays_that_are_not_wanted_stay_empty():
    renderer = ball(make(1)).eval()
    windows, cameras, _ = look(renderer)
    frames = FrameRenderer(renderer)
    wanted = torch.zeros(32, 32, dtype=torch.bool)
    wanted[10:20, 8:18] = True
    with torch.inference_mode():
        code = frames.encode(windows)
        whole, part = frames.marcher(code, 0, cameras[0]), frames.marcher(code, 0, cameras[0], wanted.flatten())
    assert torch.equal(part[wanted.flatten()], whole[wanted.flatten()])
    assert not part[~wanted.flatten()].any()
