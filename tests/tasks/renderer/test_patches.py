"""Patches follow from their generator and show the pixels that their rays pass."""

from __future__ import annotations

import numpy as np
import torch

from tasks.renderer.footage import Footage
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tasks.renderer.patches import PatchSource
from tests.tasks.renderer.small import settings, task_video


def test_a_batch_follows_from_its_generator_alone(video):
    footage = Footage(task_video(video), 64)
    source = PatchSource(footage, upsample=2, rays=100, frames=2)
    one, other = (source.batch(np.random.default_rng(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.target.shape == (2, 3, 20, 20)
    assert one.uv.shape == (2, 10, 10, 2)


def test_a_patch_shows_the_pixels_its_rays_pass(video):
    footage = Footage(task_video(video), 64)
    patch = PatchSource(footage, upsample=2, rays=64).patch(3, (10.0, 12.0))
    u, v = (patch.uv[0, 2, 3] - 1).long().tolist()
    wanted = footage.picture("frames", 3)[v : v + 2, u : u + 2]
    assert np.array_equal(patch.target[0, :, 4:6, 6:8].permute(1, 2, 0).numpy(), wanted)


def test_neighbouring_frames_may_be_compared(video):
    task = Lm3dNerfTask(settings(video, weights={"temporal": 1.0}))
    task.prepare()
    batch = task.train_source().batch(np.random.default_rng(3))
    assert len(batch.frame_ids) == 2
    assert batch.frame_ids[1] - batch.frame_ids[0] in (0, 1)
    assert "temporal" in task.losses(batch)
