"""Refinement starts from nothing, at step sizes that are functions of the update."""

from __future__ import annotations

import pytest
import torch

from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.postnet import PostnetConfig, PostnetTask
from tests.tasks.motion.numbered import numbered_batch
from utils.errors import DataError


def test_postnet_says_what_the_speech_network_says_before_it_has_learnt():
    speech = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16))
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8))
    task.freeze("audio2motion", speech)
    audio = torch.randn(1300, 39)
    out = task.eval().predict(audio, seed=1, temperature=0.5)
    assert out.shape == (650, 68, 3)
    assert torch.allclose(out, speech.eval().predict(audio, seed=1, temperature=0.5), atol=1e-5)


def test_a_network_that_says_no_numbers_is_named():
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8))
    task.freeze("audio2motion", Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc")))
    with torch.no_grad():
        next(task.model.parameters()).fill_(torch.nan)
    with pytest.raises(DataError, match="The landmarks of postnet are no numbers: its checkpoint is spoilt"):
        task.eval().predict(torch.randn(20, 39))


def test_every_step_size_of_postnet_is_a_function_of_the_update():
    # KeepCheckpoints sets the rates anew on resume: a scheduler that only multiplies would begin again.
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8, critic_width=8))
    _, (refiner, critic) = task.configure_optimizers()
    assert isinstance(refiner, torch.optim.lr_scheduler.LambdaLR)
    assert isinstance(critic, torch.optim.lr_scheduler.LambdaLR)
    assert [critic.lr_lambdas[0](n) for n in (0, 39_999, 40_000, 80_000)] == [1, 1, 0.5, 0.25]


def test_postnet_disturbs_the_speech_as_the_recipe_says(monkeypatch):
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8, augment={"noise": 1.0}))
    task.freeze("audio2motion", Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc")))
    batch = numbered_batch([40, 40], [0, 1])._replace(audio=torch.zeros(2, 80, 39))
    heard = []
    monkeypatch.setattr(
        task.speech.model, "sample", lambda audio, mask, *_: heard.append(audio) or torch.zeros(*mask.shape, 68, 3)
    )
    task.eval()._refined(batch)
    assert heard[0].std() > 0.5


def test_a_validation_is_averaged_by_name_and_the_critic_left_out_where_there_is_none(monkeypatch):
    task = PostnetTask(PostnetConfig(task_cls="postnet", audio_feature="mfcc", width=8, weights={"adv": 0.0}))
    monkeypatch.setattr(task, "all_gather", lambda values: values)
    names = ("mse", "mse_before", "sync", "sync_before", "critic_refined", "critic_own")
    variances = {"variance": 1.0, "variance_before": 3.0, "variance_recorded": 2.0}
    for first in (1.0, 3.0):
        figures = {**{name: first + at for at, name in enumerate(names)}, **variances, "sync_before": float("nan")}
        task._validations.append({name: torch.tensor(value) for name, value in figures.items()})
    row = task._parts(task._mean_validation())
    assert (row.mse, row.mse_before, row.sync, row.sync_before) == (2, 3, 4, None)
    assert (row.critic_refined, row.critic_own) == (None, None)
    assert (row.variance_ratio, row.variance_ratio_before) == (0.5, 1.5)
