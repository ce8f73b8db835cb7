"""Whole pictures are the same, drawn in loops or as tensors."""

from __future__ import annotations

import pytest
import torch

from modules.renderer.inference import FrameRenderer
from tests.modules.renderer.made import ball, look, make


@pytest.mark.parametrize(("upsample", "dtype"), [(1, torch.float32), (2, torch.float32), (4, torch.bfloat16)])
def test_loops_draw_what_tensors_draw(upsample, dtype):
    renderer = ball(make(upsample, height=66, width=50, torso=True)).eval()
    windows, cameras, _ = look(renderer)
    backdrop = torch.randint(0, 255, (66, 50, 3), dtype=torch.uint8)
    pictures = []
    for loops in (True, False):
        frames = FrameRenderer(renderer, dtype=dtype, loops=loops)
        pictures.append(frames(frames.encode(windows), 0, windows[0, 2], cameras[0], backdrop).int())
    assert (pictures[0] - backdrop.int()).abs().float().mean() > 5
    assert (pictures[0] - pictures[1]).abs().max() <= (1 if dtype == torch.float32 else 6)


def test_the_network_that_draws_is_a_copy():
    renderer = make(4).eval()
    before = {name: value.clone() for name, value in renderer.state_dict().items()}
    FrameRenderer(renderer)
    assert all(torch.equal(value, before[name]) for name, value in renderer.state_dict().items())


@pytest.mark.parametrize("where", ["camera", "landmarks", "planes", "grid", "texture"])
def test_what_is_not_a_number_reads_no_foreign_memory(where):
    renderer = ball(make(2, torso=True)).eval()
    windows, cameras, _ = look(renderer)
    cameras = cameras.clone()
    targets = {"camera": cameras, "landmarks": windows, "planes": renderer.head.planes.data,
               "grid": renderer.head.grid.data, "texture": renderer.torso.bend.weight.data}  # fmt: skip
    targets[where].fill_(float("nan"))
    frames = FrameRenderer(renderer)
    backdrop = torch.zeros(32, 32, 3, dtype=torch.uint8)
    assert frames(frames.encode(windows), 0, windows[0, 2], cameras[0], backdrop).shape == (32, 32, 3)
