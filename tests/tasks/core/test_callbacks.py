"""The average of the weights, worked by hand; validation sees it, training does not."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from tasks.core.batches import RefusedBatch
from tasks.core.callbacks import Ema, ShowProgress, Updates, said
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import DataError


def test_the_average_moves_fast_at_first_and_is_put_back_after_validation():
    task = ToyTask(ToyConfig(task_cls="toy"))
    ema = Ema(0.9)
    trainer = SimpleNamespace(resumed=None)
    name, weight = next(iter(task.named_parameters()))
    with torch.no_grad():
        weight.fill_(0.0)
    ema.on_train_start(trainer, task)
    with torch.no_grad():
        weight.fill_(1.0)
    ema.on_train_batch_end(trainer, task)
    assert ema.average[name].flatten()[0] == pytest.approx(0.9), "at update 0 the decay is 1 / 10"
    task.updates = 1000
    ema.on_train_batch_end(trainer, task)
    assert ema.average[name].flatten()[0] == pytest.approx(0.9 + 0.1 * 0.1), "later it is the recipe's"
    ema.on_validation_start(trainer, task)
    assert weight.detach().flatten()[0] == pytest.approx(0.91)
    ema.on_validation_end(trainer, task)
    assert weight.flatten()[0] == 1
    checkpoint = {"state_dict": {name: weight.detach().clone()}}
    ema.on_save_checkpoint(trainer, task, checkpoint)
    assert checkpoint["state_dict"][name].flatten()[0] == pytest.approx(0.91)
    assert checkpoint["vizeme"]["raw_state"][name].flatten()[0] == 1


def test_without_a_warm_up_the_start_keeps_its_share():
    task = ToyTask(ToyConfig(task_cls="toy", ema_warmup=False))
    ema, (name, weight) = Ema(0.9), next(iter(task.named_parameters()))
    with torch.no_grad():
        weight.fill_(1.0)
    ema.on_train_start(SimpleNamespace(resumed=None), task)
    with torch.no_grad():
        weight.fill_(0.0)
    for _ in range(3):
        ema.on_train_batch_end(None, task)
    assert ema.average[name].flatten()[0] == pytest.approx(0.9**3)


def test_a_batch_that_could_not_be_made_ends_the_training_with_its_reason():
    with pytest.raises(DataError, match=r"^clip\.mp4 is gone$"):
        Updates().on_train_batch_start(None, ToyTask(ToyConfig(task_cls="toy")), RefusedBatch("clip.mp4 is gone"), 0)


@pytest.mark.parametrize(("error", "kind"), [(None, ""), (DataError("x"), "DataError")])
def test_other_programs_are_told_how_far_training_came_and_how_it_ended(tmp_path, monkeypatch, error, kind):
    monkeypatch.setenv("VIZEME_EVENTS", str(tmp_path / "events"))
    task, show = ToyTask(ToyConfig(task_cls="toy", max_updates=9)), ShowProgress("May")
    trainer = SimpleNamespace(is_global_zero=True, callback_metrics={})
    show.on_train_start(trainer, task)
    task.updates = 9
    if error is None:
        show.on_train_end(trainer, task)
    else:
        show.on_exception(trainer, task, error)
    first, last = (json.loads(line) for line in (tmp_path / "events").read_text().splitlines())
    assert (first["event"], first["stage"], first["done"], first["total"]) == ("start", "May", 0, 9)
    assert (last["event"], last["done"], last["said"]) == ("end", 9, kind)


def test_a_figure_is_said_in_words_once_it_is_known(monkeypatch):
    task = ToyTask(ToyConfig(task_cls="toy"))
    monkeypatch.setattr(ToyTask, "in_words", ("face_psnr", "face {:.1f} dB"))
    assert said(task, SimpleNamespace(callback_metrics={})) == ""
    assert said(task, SimpleNamespace(callback_metrics={"val/face_psnr": torch.tensor(33.06)})) == "face 33.1 dB"
