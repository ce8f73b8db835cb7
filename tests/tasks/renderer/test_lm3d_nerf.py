"""A head learns a made face, with either backbone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modules.renderer import field
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
        total = task_total(task, losses)
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


def test_frames_on_threads_are_learnt_as_all_at_once(video, monkeypatch):
    task = Lm3dNerfTask(settings(video, n_frames=3, landmark_noise=0.0))
    task.prepare()
    task.train()
    batch = task.train_source().batch(np.random.default_rng(0))
    monkeypatch.setattr(field, "drawn", lambda *_: None)

    def learnt(parts):
        monkeypatch.setattr(task, "_parts", lambda batch: parts)
        losses = task.losses(batch)
        total = task_total(task, losses)
        return losses, torch.autograd.grad(total, list(task.model.parameters()))

    (whole, wanted), (parts, ours) = learnt(1), learnt(3)
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert parts[name].item() == pytest.approx(value.item(), rel=2e-2 if name in ("structure", "detail") else 1e-4)
    for one, other in zip(ours, wanted, strict=True):
        assert (one - other).norm() < 0.02 * other.norm() + 1e-6


def task_total(task, losses):
    """Weigh losses as training does."""
    return sum(getattr(task.cfg.weights, name) * value for name, value in losses.items())
