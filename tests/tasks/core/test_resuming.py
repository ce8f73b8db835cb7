"""A run goes on from its checkpoint by its recipe, and never with another network."""

from __future__ import annotations

import pytest

from tasks.core.checkpoints import read_checkpoint
from tasks.core.resuming import refuse_other_network
from tasks.core.trainer import train
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import ConfigError


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


def test_an_edited_learning_rate_is_not_ignored_on_resume(toy, tmp_path):
    train(ToyTask(config(max_updates=4)), tmp_path)
    task = ToyTask(config(max_updates=8, lr=0.5))
    train(task, tmp_path)
    assert read_checkpoint(tmp_path / "last.ckpt")["optimizer_states"][0]["param_groups"][0]["lr"] == 0.5


def test_a_changed_network_wants_reset(toy, tmp_path):
    train(ToyTask(config(max_updates=4)), tmp_path)
    with pytest.raises(ConfigError, match=r"width 4 -> 5.*--reset"):
        train(ToyTask(config(width=5)), tmp_path)
    with pytest.raises(ConfigError, match="flavour 'plain' -> 'sweet'"):
        train(ToyTask(config(flavour="sweet")), tmp_path)


def test_a_setting_that_the_checkpoint_did_not_know_is_named_where_it_is_not_as_usual(toy, tmp_path):
    train(ToyTask(config(max_updates=4)), tmp_path)
    old = read_checkpoint(tmp_path / "last.ckpt")
    del old["vizeme"]["recipe"]["flavour"]
    refuse_other_network(ToyTask(config()), old, tmp_path)
    with pytest.raises(ConfigError, match=r"flavour \(there was none\) -> 'sweet'"):
        refuse_other_network(ToyTask(config(width=5, flavour="sweet")), old, tmp_path)
    with pytest.raises(ConfigError) as error:
        refuse_other_network(ToyTask(config(width=5)), old, tmp_path)
    assert "flavour" not in str(error.value)
