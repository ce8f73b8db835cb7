"""Speech to landmarks: samples of the prior are judged, and the sync loss waits for its switch."""

from __future__ import annotations

import torch

from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from tests.tasks.motion.numbered import numbered_batch


def test_samples_of_the_prior_are_judged():
    cfg = Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16, direct_size=8)
    task = Lm3dVaeSyncTask(cfg).eval()
    task.freeze("syncnet", SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32)))
    batch = numbered_batch([70, 64], [0, 1], frames=70)._replace(audio=torch.randn(2, 140, 39))
    with torch.no_grad():
        found = task.metrics(batch)
        assert found["diversity"] > 0
        assert found["sample_error"] > 0
        assert 0 <= found["sample_confidence"] <= 1
        assert -1 <= found["sample_lip_correlation"] <= 1
        assert torch.equal(found["diversity"], task.metrics(batch)["diversity"])
        for parameter in task.model.vae.decoder.out_proj.parameters():
            parameter.zero_()
        assert task.metrics(batch)["diversity"] == 0


def test_the_sync_switch_is_kept_and_its_branch_waits_for_it():
    cfg = Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16, sync_clips=8)
    task, other = Lm3dVaeSyncTask(cfg), Lm3dVaeSyncTask(cfg)
    task.freeze("syncnet", SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32)))
    batch = numbered_batch([40, 40], [0, 1])._replace(audio=torch.randn(2, 80, 39))
    assert not any(name.startswith("frozen") for name in task.state_dict())
    task.train()
    assert not task.frozen["syncnet"].training
    assert "sync" not in task.losses(batch)
    task.sync_on = True
    assert torch.isfinite(task.losses(batch)["sync"])
    other.on_load_extra(task.extra_state())
    assert other.sync_on
