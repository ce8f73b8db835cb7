"""Settings that every task has are read as a person means them."""

from __future__ import annotations

from tasks import run
from tasks.core.loading import load_task


def recipe(tmp_path, text=""):
    path = tmp_path / "toy.yaml"
    path.write_text(f"task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 1\n{text}")
    return str(path)


def test_precision_may_be_written_as_a_number(toy, tmp_path):
    words = [f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}", "--set", "precision=32"]
    assert run.main([*words, "--max_updates=2"]) == 0
    assert load_task(tmp_path / "exp").cfg.precision == "32"
