"""Speech to landmarks: samples of the prior are judged, and the sync loss waits for its switch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_gen.clips.corpus import MotionCorpus
from tasks.core.loading import load_task
from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.losses import lip_metrics
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from tests.made import make_video_dataset
from tests.tasks.motion.numbered import numbered_batch
from utils.errors import ConfigError


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


SIZES = {
    "task_cls": "lm3d_vae_sync", "audio_feature": "mel", "direct_size": 8, "hidden_size": 8, "condition_size": 8,
    "encoder_layers": 1, "decoder_layers": 1, "window_frames": 20, "batch_size": 2,
    "weights": {"sync": 0.0, "lips": 4.0},
}  # fmt: skip


@pytest.fixture
def two_persons(tmp_path):
    return [make_video_dataset(tmp_path / name, frames=60, size=16, seed=seed).path for seed, name in enumerate("ab")]


def of_talkers(paths, folder, talkers=4) -> Lm3dVaeSyncTask:
    """Save a run of many talkers whose weights are drawn at random, vectors included."""
    cfg = Lm3dVaeSyncConfig(**SIZES, more_data=[str(path) for path in paths], talkers=talkers, centred=True)
    task = Lm3dVaeSyncTask(cfg)
    task.prepare()
    for part in (task.model.talkers.tune, task.model.direct.last):
        torch.nn.init.normal_(part.weight)
    kept = {"updates": 1, "recipe": task.cfg.model_dump(mode="json"), "extra": task.extra_state()}
    folder.mkdir()
    torch.save({"state_dict": task.state_dict(), "vizeme": kept}, folder / "model_ckpt_steps_1.ckpt")
    return task


def test_a_new_person_begins_with_the_motion_of_many_and_the_own_face(two_persons, tmp_path):
    many = of_talkers(two_persons, tmp_path / "many").eval()
    person = {"video_id": "a", "person_binary_data_dir": str(tmp_path), "start_from": str(tmp_path / "many")}
    task = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(**SIZES, **person))
    task.prepare()
    task.eval()
    _, _, face = task._corpus.statistics()
    heard = torch.randn(40, 80)
    ours, theirs = (one.predict(heard, temperature=0.0) for one in (task, many))
    wide = ((ours - face).std() / theirs.std()).item()
    assert torch.allclose(ours, wide * theirs + face, atol=1e-4)
    assert not any("talkers" in name for name in task.state_dict())


@pytest.mark.parametrize(("spread", "left"), [(1.6, 1.0), (0.7, 1.0), (5.0, 2.5), (0.2, 0.4)])
def test_a_face_that_is_worn_opens_the_mouth_as_wide_as_recorded(two_persons, tmp_path, spread, left):
    task = of_talkers(two_persons, tmp_path / "many")
    corpus = MotionCorpus([two_persons[0]], "mel")
    (batch,) = corpus.whole(250)

    def found() -> float:
        with torch.no_grad():
            return float(lip_metrics(task.eval()._likely(batch), batch)["lip_spread"])

    with torch.no_grad():
        task.model.add_face(torch.zeros(68, 3), spread / found())
    task.train().wear(np.zeros((68, 3), np.float32), corpus)
    assert task.training
    assert found() == pytest.approx(left, rel=0.01)


def test_talkers_keep_their_names_and_a_crowd_is_refused(two_persons, tmp_path):
    many = of_talkers(two_persons, tmp_path / "many")
    assert load_task(tmp_path / "many").talkers == many.talkers == ["video:a", "video:b"]
    with pytest.raises(ConfigError, match="The talkers of the data are others than the run's: train it anew"):
        many.on_load_extra({**many.extra_state(), "talkers": ["video:b", "video:a"]})
    with pytest.raises(ConfigError, match="has 2 talkers, and there is room for 1: give --talkers 2 or more"):
        of_talkers(two_persons, tmp_path / "few", talkers=1)
