"""Runs are found by what their settings say; what is to be read beforehand stands in docs/, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.person.studio.faces.families import FAMILIES, Run, runs_of
from tasks.registry import TASKS

ROOT = Path(__file__).resolve().parents[5]


def make_run(checkpoints: Path, name: str, task: str, *updates: int) -> Path:
    folder = checkpoints / name
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"# every setting\ntask_cls: {task}\nlr: 0.1\n")
    for number in updates:
        (folder / f"model_ckpt_steps_{number}.ckpt").write_bytes(b"weights")
    return folder


def test_trained_runs_of_a_task_are_listed(tmp_path):
    make_run(tmp_path, "demo/ve_conv", "ve_conv", 50, 100)
    make_run(tmp_path, "anna/voice", "ve_ast", 7)
    make_run(tmp_path, "demo/new", "ve_conv")
    make_run(tmp_path, "demo/syncnet", "syncnet", 5)
    make_run(tmp_path, "demo/with blank", "ve_conv", 5)
    (tmp_path / "demo/odd").mkdir()
    (tmp_path / "demo/odd/config.yaml").write_bytes(b"\xff\x00")
    assert runs_of(tmp_path, ("ve_conv", "ve_ast")) == [
        Run("anna/voice", "ve_ast", 7),
        Run("demo/ve_conv", "ve_conv", 100),
    ]
    assert runs_of(tmp_path / "none", ("ve_conv",)) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_said_beforehand_is_what_the_page_says(name):
    family = FAMILIES[name]
    page = " ".join((ROOT / family.page).read_text().split())
    assert all(text in page for text in family.says)
    assert set(family.tasks) <= set(TASKS)
