"""A number that is none stops the training."""

from __future__ import annotations

import pytest

from tasks.core.checkpoints import checkpoint_files
from tasks.core.trainer import train
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import UserError


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


def test_a_loss_that_is_not_finite_stops_the_run(toy, tmp_path):
    with pytest.raises(UserError, match=r"The loss is nan \(error nan\) at update 5\. "):
        train(ToyTask(config(nan_at=5)), tmp_path)
    assert list(checkpoint_files(tmp_path)) == [4]
