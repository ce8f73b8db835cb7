"""Checkpoints are kept by age, the best besides; what is broken overlays nothing."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from tasks.core.checkpoints import checkpoint_files, find_checkpoint
from tasks.core.trainer import train
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import UserError


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


def test_checkpoints_are_kept_by_age_and_the_best_besides(toy, tmp_path):
    train(ToyTask(config(max_updates=24, num_ckpt_keep=2)), tmp_path)
    index = json.loads((tmp_path / "checkpoints.json").read_text())
    steps = list(checkpoint_files(tmp_path))
    assert steps[-2:] == [20, 24]
    assert len(steps) in (2, 3)
    best = find_checkpoint(tmp_path, "best")
    assert index[best.stem.rsplit("_", 1)[1]]["val/total_loss"] == min(v["val/total_loss"] for v in index.values())
    assert (tmp_path / "config.yaml").is_file()
    assert "torch==" in (tmp_path / "environment.txt").read_text()
    assert list((tmp_path / "tb_logs").glob("events*"))


def test_weights_that_are_not_finite_never_overlay_a_sound_checkpoint(toy, tmp_path):
    task = ToyTask(config(max_updates=8, tb_log_interval=1000))
    step = task.training_step

    def spoil(*inputs):
        if task.updates == 6:
            with torch.no_grad():
                next(task.parameters()).fill_(float("nan"))
        return step(*inputs)

    task.training_step = spoil
    with pytest.raises(UserError, match=r"is nan .* at update 6\. The last checkpoint is sound"):
        train(task, tmp_path)
    assert list(checkpoint_files(tmp_path)) == [4]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_curves_whose_folder_is_gone_cost_no_checkpoint(toy, tmp_path, caplog):
    task = ToyTask(config(max_updates=8))
    step = task.training_step

    def lose(*inputs):
        if task.updates == 2:
            shutil.rmtree(tmp_path / "tb_logs")
        return step(*inputs)

    task.training_step = lose
    train(task, tmp_path)
    assert list(checkpoint_files(tmp_path)) == [4, 8]
    assert "TensorBoard's curves could not be written" in caplog.text
