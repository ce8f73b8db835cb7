"""A head learns a made face, with either backbone."""

from __future__ import annotations

import numpy as np
import torch

from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tests.tasks.renderer.small import pictures, settings


def test_a_head_learns_the_made_face(video):
    task = Lm3dNerfTask(settings(video, max_updates=120, ema_decay=0.0))
    task.prepare()
    source = task.train_source()
    made = task.configure_optimizers()
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    torch.manual_seed(0)
    task.train()
    for update in range(120):
        task.updates = update
        losses = task.losses(source.batch(np.random.default_rng([0, update])))
        total = sum(getattr(task.cfg.weights, name) * value for name, value in losses.items())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        scheduler.step()
    task.eval()
    ids = task.val_source().ids
    found = [task.judge(int(i), p) for i, p in zip(ids, task.render_frames(ids), strict=True)]
    assert np.mean([f["face_psnr"] for f in found]) > 17
    assert np.mean([f["frame_psnr"] for f in found]) > 19


def test_vanilla_trains_and_renders(video):
    small = {"size": 16, "backbone": "vanilla", "upsample": 1, "n_rays": 36, "weights": {"coarse_rgb": 1.0}}
    task = Lm3dNerfTask(settings(video, **small))
    task.prepare()
    losses = task.losses(task.train_source().batch(np.random.default_rng(0)))
    assert losses["coarse_rgb"] > 0
    sum(losses.values()).backward()
    assert task.model.head.model_coarse.density_out_linear.weight.grad is not None
    assert pictures(task, 1).shape == (1, 16, 16, 3)
