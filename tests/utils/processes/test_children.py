"""Children are heard, counted and let go of, whoever ends first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from tests.patience import HANG_S
from utils.processes.children import Children

ROOT = Path(__file__).resolve().parents[3]
SAVES = textwrap.dedent("""
    import pathlib, signal, sys, time
    def leave(*_):
        pathlib.Path(sys.argv[1], sys.argv[2] + "-saved").touch()
        sys.exit(7)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    pathlib.Path(sys.argv[1], sys.argv[2]).touch()
    while True: time.sleep(0.05)
""")
"""A child that says it is up, and when it is asked to end says so and ends with 7."""


def until(path: Path) -> None:
    """Wait for a file."""
    began = time.monotonic()
    while not path.exists():
        assert time.monotonic() - began < HANG_S, path
        time.sleep(0.02)


def test_what_named_children_say_comes_behind_their_names(capfd):
    children = Children()
    code = "import os, sys; print('one', os.environ['WORD']); print('two', file=sys.stderr); sys.exit(3)"
    assert children.run([sys.executable, "-c", code], "syncnet", {"WORD": "here"}) == 3
    assert sorted(capfd.readouterr().out.splitlines()) == ["syncnet | one here", "syncnet | two"]
    assert children.run([sys.executable, "-c", "print('alone')"]) == 0
    assert capfd.readouterr().out == "alone\n"


def test_rows_end_with_the_first_code_that_is_not_0_and_ask_the_others_to_leave(tmp_path):
    children = Children()

    def fails() -> int:
        until(tmp_path / "other")
        return 5

    other = partial(children.run, [sys.executable, "-c", SAVES, str(tmp_path), "other"], "other")
    assert children.rows([other, fails]) == 5
    assert (tmp_path / "other-saved").exists()
    assert children.run([sys.executable, "-c", "pass"]) == 128 + signal.SIGTERM, "none is begun any more"
    assert Children().rows([lambda: 0, lambda: 0]) == 0


def test_an_error_in_a_row_is_raised_when_the_others_have_left(tmp_path):
    children = Children()

    def fails() -> int:
        until(tmp_path / "other")
        raise ValueError("no recipe")

    other = partial(children.run, [sys.executable, "-c", SAVES, str(tmp_path), "other"], "other")
    with pytest.raises(ValueError, match="no recipe"):
        children.rows([other, fails])
    assert (tmp_path / "other-saved").exists()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
@pytest.mark.parametrize("word", ["SIGTERM", "SIGINT"])
def test_a_polite_kill_and_ctrl_c_reach_all_children(tmp_path, word):
    """SIGTERM comes to the parent alone, Ctrl-C from the terminal to the whole group."""
    parent = textwrap.dedent("""
        import signal, sys; sys.path.insert(0, sys.argv[1])
        from functools import partial
        from utils.processes.children import Children
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        children = Children()
        one, two = ([sys.executable, "-c", sys.argv[2], sys.argv[3], name] for name in ("a", "b"))
        sys.exit(children.rows([partial(children.run, one, "a"), partial(children.run, two, "b")]))
    """)
    words = [sys.executable, "-c", parent, str(ROOT), SAVES, str(tmp_path)]
    run = subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE, text=True)
    until(tmp_path / "a")
    until(tmp_path / "b")
    if word == "SIGINT":
        os.killpg(run.pid, signal.SIGINT)
    else:
        os.kill(run.pid, signal.SIGTERM)
    _, errors = run.communicate(timeout=HANG_S)
    if word == "SIGINT":
        assert "KeyboardInterrupt" in errors
    else:
        assert run.returncode == 7
    assert (tmp_path / "a-saved").exists()
    assert (tmp_path / "b-saved").exists()
