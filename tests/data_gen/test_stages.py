from __future__ import annotations

import os
import subprocess
import sys

import pytest
from rich.console import Console

from data_gen.stages import Workshop
from tests.patience import HANG_S
from utils.errors import DataError
from utils.processes.workers import in_parallel


def workshop(folder, redo=()):
    return Workshop(folder, redo, Console(quiet=True))


def run_all(folder, made, redo=(), size=1, version=1):
    """Do two stages, the second on the first, and count what is done."""
    shop = workshop(folder, redo)

    def work(name):
        def do(aside, tick):
            made.append(name)
            (aside / "file").write_text(name)
            tick(1, 1)
            return {"name": name}

        return do

    with shop.locked():
        shop.run("one", work("one"), version=version, size=size)
        shop.run("two", work("two"), version=1, needs=("one",))
    return shop


def test_a_stage_is_done_once_and_again_when_something_before_it_changed(tmp_path):
    made: list[str] = []
    shop = run_all(tmp_path, made)
    assert made == ["one", "two"]
    assert shop.done["two"].summary == {"name": "two"}
    assert (tmp_path / "two" / "file").read_text() == "two"
    run_all(tmp_path, made)
    assert made == ["one", "two"]
    run_all(tmp_path, made, size=2)
    assert made == ["one", "two"] * 2
    run_all(tmp_path, made, size=2, version=2)
    assert made == ["one", "two"] * 3
    run_all(tmp_path, made, redo=("two",), size=2, version=2)
    assert made == [*["one", "two"] * 3, "two"]
    run_all(tmp_path, made, redo=("one",), size=2, version=2)
    assert made == [*["one", "two"] * 3, "two", "one", "two"]


def test_a_failed_stage_leaves_what_was_there(tmp_path):
    run_all(tmp_path, [])
    shop = workshop(tmp_path, ("one",))

    def fail(aside, tick):
        (aside / "file").write_text("half")
        raise KeyError

    with shop.locked(), pytest.raises(KeyError):
        shop.run("one", fail, version=1, size=1)
    assert (tmp_path / "one" / "file").read_text() == "one"
    assert not list(tmp_path.glob(".*part"))


def test_a_damaged_stage_is_done_again(tmp_path):
    made: list[str] = []
    run_all(tmp_path, made)
    (tmp_path / "one" / "stage.json").write_text("{")
    run_all(tmp_path, made)
    assert made == ["one", "two", "one", "two"]


KILLED = """
import os, signal
from pathlib import Path
from rich.console import Console
from data_gen.stages import Workshop
shop = Workshop(Path({folder!r}), (), Console(quiet=True))
def work(aside, tick):
    (aside / "file").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
with shop.locked():
    shop.run("one", work, version=1, size=1)
"""


def test_kill_9_leaves_nothing_that_is_believed(tmp_path):
    script = KILLED.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": os.getcwd()}, timeout=HANG_S)
    assert done.returncode == -9
    assert list(tmp_path.glob(".*part"))
    made: list[str] = []
    run_all(tmp_path, made)
    assert made == ["one", "two"]
    assert not list(tmp_path.glob(".*part"))


def test_two_runs_do_not_meet(tmp_path):
    with workshop(tmp_path).locked(), pytest.raises(DataError, match="another run"), workshop(tmp_path).locked():
        pass


def test_parallel_work_keeps_its_order_and_its_errors():
    assert list(in_parallel(lambda n: n * n, range(50))) == [n * n for n in range(50)]

    def fail(n):
        if n == 7:
            raise DataError("seven")
        return n

    with pytest.raises(DataError, match="seven"):
        list(in_parallel(fail, range(50)))
