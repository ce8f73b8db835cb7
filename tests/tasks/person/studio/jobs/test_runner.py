"""A job's command runs under a small runner, which writes how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from tasks.person.studio.jobs import runner
from tasks.person.studio.jobs.runner import last_line
from tests.patience import HANG_S
from utils.files.lock import hold, let_go


def run(folder, code, *, stop=False):
    """Run a command of Python under the runner, and return what it wrote at the end."""
    handle = hold(folder)
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", runner.__file__, str(folder), str(handle), sys.executable, "-I", "-S", "-c", code],
        pass_fds=(handle,),
    )
    let_go(handle)
    if stop:
        began = time.monotonic()
        while not (folder / "ready").exists():
            assert time.monotonic() - began < HANG_S
            time.sleep(0.01)
        assert hold(folder) is None, "the folder is held while it runs"
        child.send_signal(signal.SIGTERM)
    assert child.wait(HANG_S) == 0
    return json.loads((folder / "ended.json").read_text())


def test_the_end_is_written_with_what_was_said(tmp_path):
    code = "import os; print(len(os.environ['VIZEME_EVENTS']) > 1); print('error: no sound'); raise SystemExit(2)"
    end = run(tmp_path, code)
    assert (end["code"], end["stopped"], end["said"]) == (2, False, "no sound")
    assert (tmp_path / "log.txt").read_text().splitlines()[0] == "True"
    handle = hold(tmp_path)
    assert handle is not None, "and let go of at the end"
    let_go(handle)


def test_what_is_stopped_may_save_and_leaves_nothing_behind(tmp_path):
    code = f"""
import os, signal, subprocess, sys, time
from pathlib import Path
def leave(*_):
    Path({str(tmp_path)!r}, "saved").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, leave)
left = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)"])
Path({str(tmp_path)!r}, "ready").write_text(str(left.pid))
time.sleep(1000)
"""
    end = run(tmp_path, code, stop=True)
    assert (end["code"], end["stopped"]) == (143, True)
    assert (tmp_path / "saved").exists()
    pid, began = int((tmp_path / "ready").read_text()), time.monotonic()
    while lives(pid):
        assert time.monotonic() - began < HANG_S
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return not os.path.isdir("/proc/self")


def test_of_a_log_the_error_counts_and_no_control_characters(tmp_path):
    log = tmp_path / "log.txt"
    assert last_line(log) == ""
    log.write_bytes(b"error: \x1b[1mit is broken\n" + b"and more\n\n")
    assert last_line(log) == "[1mit is broken"
    log.write_bytes(b"x" * 9000 + b"\nall is well\n")
    assert last_line(log) == "all is well"
