"""Settings are filled in before they are frozen, and pictures keep their colours."""

from __future__ import annotations

import pytest
import torch

from tasks.wav2pix.config import Wav2PixConfig
from tasks.wav2pix.data import PairBatch
from tasks.wav2pix.wav2pix import Wav2PixTask, to_pictures
from utils.errors import ConfigError, DataError


class Pairs:
    """A set of 130 training pairs."""

    def __init__(self, path):
        if path == "nothing":
            raise DataError("nothing is not here")

    def count(self, split):
        return 130


def config(**settings):
    return Wav2PixConfig(task_cls="wav2pix", **settings)


def test_the_published_names_of_the_weights_win():
    weights = Wav2PixTask.resolved(config(l1_coef=7.0, softmax_coef=0.0, weights={"l1": 3.0, "l2": 5.0})).weights
    assert (weights.adv, weights.l1, weights.l2, weights.softmax) == (1.0, 7.0, 5.0, 0.0)


def test_epochs_become_updates_where_the_data_is(monkeypatch):
    monkeypatch.setattr("tasks.wav2pix.wav2pix.FaceVoicePairs", Pairs)
    assert Wav2PixTask.resolved(config(epochs=3, batch_size=64)).max_updates == 7, "390 pairs in batches of 64"
    assert Wav2PixTask.resolved(config(epochs=0, max_updates=9)).max_updates == 9
    assert Wav2PixTask.resolved(config(epochs=3, max_updates=9, binary_data_dir="nothing")).max_updates == 9
    again = Wav2PixTask.resolved(config(epochs=3, l1_coef=2.0))
    assert Wav2PixTask.resolved(again) == again, "what a checkpoint keeps says the same when it is read"


def test_two_networks_in_turn_take_no_sums_of_gradients(tmp_path):
    with pytest.raises(ConfigError, match=r"^wav2pix trains two networks in turn: accumulate_grad_batches must"):
        Wav2PixTask(config(accumulate_grad_batches=2, binary_data_dir=str(tmp_path)))


def small_task(**settings):
    task = Wav2PixTask(config(binary_data_dir="nothing", width=0.1, norm="group", dropout=0.0, **settings))
    return task, PairBatch(*torch.rand(2, 2, 3, 64, 64), torch.randn(2, 16_000), torch.arange(2))


def test_the_pose_is_glanced_at_while_training_alone():
    task, batch = small_task(pose_dim=3)
    losses = task._generator_losses(batch)
    assert losses["pose"] > 0
    losses["l1"].backward()
    assert task.glance.net[0].weight.grad.abs().sum() > 0, "what the picture shows tells the generator its pose"
    learn = {id(p) for group in task.configure_optimizers()[0].param_groups for p in group["params"]}
    assert {id(p) for p in task.glance.parameters()} <= learn
    assert "pose" not in task.eval()._generator_losses(batch)


def test_the_discriminator_waits_for_its_turn():
    task, batch = small_task(adv_from=0.5, max_updates=10)
    task.updates = 4
    assert set(task._generator_losses(batch)) == {"l1", "softmax"}
    assert "adv" in task.eval()._generator_losses(batch), "validation tells everything"
    task.train().updates = 5
    assert {"adv", "l2"} <= set(task._generator_losses(batch))


class Difference(torch.nn.Module):
    """Stand where LPIPS stands."""

    def forward(self, a, b):
        return (a - b).abs().mean((1, 2, 3))


def test_lpips_is_heard_where_its_weights_are(monkeypatch, caplog):
    monkeypatch.setattr("tasks.wav2pix.wav2pix.FaceVoicePairs", Pairs)
    task, batch = small_task(weights={"perceptual": 2.0})
    monkeypatch.setattr("tasks.wav2pix.wav2pix.open_lpips", lambda: None)
    with caplog.at_level("INFO"):
        task.hear_lpips()
    assert "No LPIPS weights here" in caplog.text
    assert "perceptual" not in task._generator_losses(batch)
    monkeypatch.setattr("tasks.wav2pix.wav2pix.open_lpips", lambda: Difference())
    task.hear_lpips()
    losses = task._generator_losses(batch)
    assert losses["perceptual"].item() == pytest.approx(losses["l1"].item() / 2, rel=1e-4), "pictures from 0 to 1"


def test_colours_become_bytes():
    images = torch.tensor([-1.0, 0.0, 1.0, 1.5]).view(4, 1, 1, 1).expand(4, 3, 2, 5)
    assert to_pictures(images).shape == (4, 2, 5, 3)
    assert to_pictures(images)[:, 0, 0, 0].tolist() == [0, 128, 255, 255]
