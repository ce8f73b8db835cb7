"""Windows are disturbed without taking sound and motion apart; a run begins with the networks of another."""

from __future__ import annotations

import pytest
import torch

from modules.motion.audio_condition import FeatureNorm
from tasks.motion.config import AugmentConfig
from tasks.motion.data import augment, start_from, stretch
from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from tests.tasks.motion.numbered import numbered_batch
from utils.errors import ConfigError


def test_stretching_keeps_sound_and_motion_together():
    torch.manual_seed(0)
    lengths = [40, 30, 12]
    batch = numbered_batch(lengths, [0, 1, 2])._replace(pitch_hz=torch.full((3, 80), 120.0))
    assert stretch(batch, 0.0) is batch
    out = stretch(batch, 0.3)
    paces = set()
    for i, length in enumerate(lengths):
        n = int(out.mask[i].sum())
        assert out.mask[i, :n].all()
        assert length / 1.3 - 1 <= n <= min(40, length / 0.7 + 1)
        place = out.landmarks[i, :n, 0, 0] - 100 * i
        pace = place[1:] - place[:-1]
        paces.add(round(float(pace.mean()), 3))
        assert torch.allclose(pace, pace.mean().expand_as(pace), atol=1e-3)
        assert place.max() <= length - 1 + 1e-3
        heard = out.audio[i, : 2 * n : 2, 0] - 100 * i
        assert (heard - place).abs().max() <= 0.51  # two rows of a frame say the same here
        assert out.landmarks[i, n:].abs().sum() == 0
        assert set(out.pitch_hz[i, : 2 * n].tolist()) == {120.0}
    assert len(paces) == 3


def test_a_run_begins_with_another_runs_networks(tmp_path):
    first, second = (SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32)) for _ in range(2))
    first.model.audio_norm.mean.fill_(3.0)
    path = tmp_path / "model_ckpt_steps_1.ckpt"
    torch.save({"state_dict": first.state_dict(), "vizeme": {"updates": 1, "recipe": first.cfg.model_dump()}}, path)
    start_from(second, str(path))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    own = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32, own_mouth=True))
    assert start_from(own, str(path)).cfg == first.cfg
    assert torch.equal(own.model.audio_norm.mean, first.model.audio_norm.mean)
    wide = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=64))
    with pytest.raises(ConfigError, match="other sizes or another audio_feature"):
        start_from(wide, str(path))
    with pytest.raises(ConfigError, match="a run of syncnet, not of lm3d_vae_sync"):
        start_from(Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", hidden_size=16)), str(path))


def test_augmentation_hides_a_band_and_leaves_the_rest():
    torch.manual_seed(0)
    norm = FeatureNorm(4)
    batch = numbered_batch([40, 40], [0, 0])
    same = augment(batch, AugmentConfig(), norm)
    assert same.audio is batch.audio
    hidden = augment(batch, AugmentConfig(mask_time=0.5), norm).audio
    changed = (hidden != batch.audio).any(dim=2)
    assert changed.any()
    assert (hidden[changed] == 0).all()
