"""An old run is set aside, by one process of several."""

from __future__ import annotations

from importlib.metadata import distributions

import pytest

from tasks import run
from tasks.core.loading import load_task
from tasks.core.run_folder import tell_whose, write_environment


def recipe(tmp_path, text=""):
    path = tmp_path / "toy.yaml"
    path.write_text(f"task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 1\n{text}")
    return str(path)


def test_reset_sets_the_old_run_aside(toy, tmp_path):
    exp = f"--exp_name={tmp_path / 'exp'}"
    path = recipe(tmp_path)
    run.main([f"--config={path}", exp])
    run.main([f"--config={path}", exp, "--reset", "--width", "6"])
    assert (tmp_path / "exp/before_reset_1/model_ckpt_steps_8.ckpt").is_file()
    assert load_task(tmp_path / "exp").cfg.width == 6


def test_a_process_that_does_not_move_the_old_run_begins_anew_too(toy, tmp_path, monkeypatch):
    path = recipe(tmp_path)
    run.main([f"--config={path}", f"--exp_name={tmp_path / 'exp'}"])
    seen = []
    monkeypatch.setattr("tasks.core.trainer.make_trainer", lambda task, *_, **__: seen.append(task.updates) or exit(9))
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit):
        run.main([f"--config={path}", f"--exp_name={tmp_path / 'exp'}", "--reset"])
    assert seen == [0]


def test_every_package_is_named_with_its_version(tmp_path):
    write_environment(tmp_path)
    lines = (tmp_path / "environment.txt").read_text().splitlines()
    assert set(lines[3:]) == {f"{one.metadata['Name']}=={one.version}" for one in distributions()}


def test_a_recipe_that_was_copied_with_its_video_is_told(tmp_path, caplog):
    for place, video_id in (("anna/syncnet", "anna"), ("checkpoints/anna", "anna"), ("anna/x", ""), ("x/anna", "anna")):
        tell_whose(tmp_path / place, video_id)
    assert not caplog.text
    tell_whose(tmp_path / "anna/syncnet", "May")
    assert "This run is called anna and trains on the video of May (video_id)." in caplog.text
