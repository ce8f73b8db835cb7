"""What another program left in the environment is told at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils.errors import ConfigError
from utils.processes.world import NUMBERS, TOGETHER, World, is_lost, world

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    for name in {*NUMBERS, *TOGETHER}:
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_there_is_one_process():
    assert world() == World(1, 1, 0)


def test_what_is_set_to_nothing_is_not_set(monkeypatch):
    for name in NUMBERS:
        monkeypatch.setenv(name, " ")
    assert world() == World(1, 1, 0)
    assert not set(NUMBERS) & set(os.environ)


def test_what_torchrun_says_is_taken(monkeypatch):
    numbers = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "3", "LOCAL_RANK": "1"}
    for name, text in {**numbers, "MASTER_ADDR": "here", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, text)
    assert world() == World(4, 2, 3)


@pytest.mark.parametrize("text", ["two", "-1", "1.5", "\u00b2", "9" * 5000])
def test_what_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("RANK", text)
    with pytest.raises(ConfigError, match="unset RANK"):
        world()


def test_a_size_left_behind_by_another_program_is_told_before_anything_is_made(tmp_path):
    words = ["tasks/run.py", "--config=egs/datasets/videos/May/lm3d_nerf.yaml", f"--exp_name={tmp_path / 'run'}"]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "WORLD_SIZE": "2", "RANK": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, (
        "error: WORLD_SIZE=2 is in the environment without RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT: start all 2 "
        "processes with torchrun, or unset WORLD_SIZE to train with one.\n"
    ))  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_only_one_of_several_can_lose_another(monkeypatch):
    error = RuntimeError("[..] Connection closed by peer [127.0.0.1]:1")
    assert not is_lost(error)
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert is_lost(error)
    assert not is_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
