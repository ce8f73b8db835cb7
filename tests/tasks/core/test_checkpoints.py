"""Checkpoints are found by name, step and figure; what is damaged is named."""

from __future__ import annotations

import pytest

from tasks import run as door
from tasks.core.checkpoints import checkpoint_files, find_checkpoint, open_checkpoint, work_dir_of
from tasks.core.loading import load_task
from tasks.core.trainer import train
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import ConfigError, DataError


def config(**settings):
    base = {"task_cls": "toy", "max_updates": 12, "val_check_interval": 4, "tb_log_interval": 1, "lr": 0.01}
    return ToyConfig(**{**base, **settings})


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(toy, tmp_path, caplog):
    train(ToyTask(config(max_updates=8)), tmp_path)
    newest = checkpoint_files(tmp_path)[8]
    newest.write_bytes(newest.read_bytes()[:300])
    assert find_checkpoint(tmp_path, "last").name == "model_ckpt_steps_4.ckpt"
    assert f"{newest} is damaged" in caplog.text
    with pytest.raises(DataError, match="is damaged or not a checkpoint"):
        load_task(newest)


def test_a_checkpoint_is_looked_at_once_and_again_when_it_has_changed(run, monkeypatch):
    looked = []
    monkeypatch.setattr("tasks.weights.torch_file.outline", lambda path: looked.append(path.name))
    path, checkpoint = open_checkpoint(run)
    assert checkpoint["vizeme"]["updates"] == 70
    load_task(run)
    assert looked == [path.name]
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(500) + data[half + 500 :])
    with pytest.raises(DataError, match="is damaged or not a checkpoint"):
        load_task(path)


def test_a_name_longer_than_names_may_be_is_told_at_once(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.yaml").write_text("task_cls: toy\n")
    with pytest.raises(ConfigError, match=r"^--exp_name a+\.\.\. has 300 bytes; names have 255 at most"):
        door.main(["--config=toy.yaml", f"--exp_name=x/{'a' * 300}"])
    assert work_dir_of("x/" + "a" * 255).name == "a" * 255


def test_a_run_is_one_in_both_forms_of_unicode(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints/Jose\u0301/postnet").mkdir(parents=True)
    assert work_dir_of("Jos\u00e9/postnet") == work_dir_of("Jose\u0301/postnet")
    assert work_dir_of("Jos\u00e9/postnet").is_dir()
    assert work_dir_of("Ame\u0301lie/postnet").parts[1] == "Am\u00e9lie"


def test_exp_name_means_the_same_folder_with_and_without_checkpoints():
    assert work_dir_of("May/postnet") == work_dir_of("checkpoints/May/postnet")
