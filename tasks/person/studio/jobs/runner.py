"""Run one job's command and write how it ended; the server that began it may end meanwhile, and start again.

    python tasks/person/studio/jobs/runner.py FOLDER HANDLE COMMAND...

The command writes its lines into `log.txt`, and how far it is into `events.jsonl` (VIZEME_EVENTS). `HANDLE` is the
open lock of the folder: the command gets it, too, so that the folder is held as long as either lives. SIGTERM stops the
command as Ctrl-C would, and what does not end in time is ended hard. This file needs nothing but Python: it is started
for every job, and stays small.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BEGUN, ENDED, LOG, EVENTS = "begun.json", "ended.json", "log.txt", "events.jsonl"
GRACE_S = 90.0
"""How long a command may take to save what it has, when it is stopped."""
MOST_LOG_BYTES = 4096


def main(words: list[str]) -> int:
    """Run the command, and return 0 when its end is written."""
    folder, handle, command = Path(words[0]), int(words[1]), words[2:]
    stop: list[float] = []

    def ask_to_stop(number: int, frame: object) -> None:
        if not stop:
            stop.append(time.monotonic())

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask_to_stop)
    environment = {**os.environ, "VIZEME_EVENTS": str(folder / EVENTS), "PYTHONUNBUFFERED": "1"}
    with (folder / LOG).open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=(handle,),
            env=environment,
        )  # fmt: skip
        _write(folder / BEGUN, {"runner": os.getpid(), "group": child.pid, "time": time.time()})
        code = _wait(child, stop)
        _end_group(child.pid)  # what the command began and left behind
    _write(folder / ENDED, {"code": code, "stopped": bool(stop), "time": time.time(), "said": last_line(folder / LOG)})
    return 0


def _wait(child: subprocess.Popen[bytes], stop: list[float]) -> int:
    """Wait for the command; hand on the wish to stop, once, and end it hard when it does not."""
    asked = False
    while True:
        try:
            return child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            pass
        if stop and not asked:
            asked = True
            child.terminate()
        if stop and time.monotonic() - stop[0] > GRACE_S:
            _end_group(child.pid)


def _end_group(group: int) -> None:
    if hasattr(os, "killpg") and hasattr(signal, "SIGKILL"):
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def last_line(log: Path) -> str:
    """Return the last line that says something, without what a terminal would do with it."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - MOST_LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = ["".join(char for char in line if char.isprintable()).strip() for line in text.splitlines()]
    said = [line for line in lines if line]
    errors = [line for line in said if line.startswith("error: ")]
    return (errors or said or [""])[-1].removeprefix("error: ")[:1000]


def _write(file: Path, data: dict[str, Any]) -> None:
    aside = file.with_name(f".{file.name}.part")
    aside.write_text(json.dumps(data), encoding="utf-8")
    os.replace(aside, file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
