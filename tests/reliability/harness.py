"""Start commands of the project in sessions of their own, and kill these at a moment of one's choosing.

A command is started in one of two ways: as a person types it, or forked from a server that has imported everything
already, which is the same `main` with the same words, some five seconds sooner.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = float(HANG_S)
"""A command that has not ended by then hangs."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
CHANGES = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
"""Python's audit events of a change to a folder."""


@dataclass(frozen=True)
class Stop:
    """Kill a command, with all that it has started, at a change that it makes to a folder.

    Attributes:
        folder: Whose changes count: files opened for writing, renamed, linked, deleted; folders made and deleted.
        change: At which, from 1; 0 only counts.
        late_s: How long after it; 0 is before the change itself.
        signal: With what.
    """

    folder: Path
    change: int = 0
    late_s: float = 0.0
    signal: int = signal.SIGKILL


@dataclass(frozen=True)
class Command:
    """A command of the project.

    Attributes:
        script: The file that a person types, from the repository: tasks/run.py.
        words: What follows it.
        cwd: Where it is typed.
        log: File to which its messages are appended.
        environment: What is added to the environment.
        stop: When it kills itself and all that it has started.
    """

    script: str
    words: tuple[str, ...]
    cwd: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    stop: Stop | None = None


class Running:
    """A started command, with all the processes that it starts in turn."""

    def __init__(self, command: Command, *, typed: bool = False) -> None:
        self.command = command
        self._typed: subprocess.Popen[bytes] | None = None
        self._forked: Any = None
        if typed:
            with command.log.open("ab") as log:
                self._typed = subprocess.Popen(
                    [sys.executable, str(ROOT / command.script), *command.words], cwd=command.cwd, stdout=log,
                    stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD, **command.environment},
                    start_new_session=True,
                )  # fmt: skip
            self.pid = self._typed.pid
        else:
            self._forked = _server().Process(target=_begin, args=(command,))  # type: ignore[attr-defined]
            self._forked.start()
            self.pid = self._forked.pid
            while self._forked.is_alive() and os.getsid(self.pid) != self.pid:
                time.sleep(0.001)

        atexit.register(self.kill)  # should the tests be broken off

    def wait(self, timeout_s: float = LONGEST_S) -> int | None:
        """Return the exit code, negative for a signal; None when it is still running after `timeout_s`."""
        if self._typed is not None:
            try:
                return self._typed.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return None
        self._forked.join(timeout_s)
        return self._forked.exitcode

    def send(self, number: int) -> None:
        """Send a signal to every process of the command, as a terminal does with Ctrl-C."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self) -> bool:
        """Kill all its processes with SIGKILL; tell whether it was still at work. What has ended is left alone."""
        if self.wait(0) is not None:
            return False
        self.send(signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def left(self, patience_s: float = HANG_S) -> list[str]:
        """Name what still runs of it after `patience_s`; the command itself must have ended."""
        until = time.monotonic() + patience_s
        while (processes := _session(self.pid)) and time.monotonic() < until:
            time.sleep(0.05)
        return list(processes)

    def worked_s(self) -> float:
        """Return the processor seconds that its processes have taken so far."""
        return sum(_session(self.pid).values())

    def said(self) -> str:
        """Return the end of its messages."""
        return self.command.log.read_text(errors="replace")[-3000:] if self.command.log.exists() else ""


def _session(leader: int) -> dict[str, float]:
    """Return the processes of a session that are at work, "pid name" -> processor seconds, with ended children's."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name, _, rest = (entry / "stat").read_text().rpartition(")")
            except OSError:
                continue
            state, _, _, session, *more = rest.split()
            if int(session) == leader and state not in "ZX":
                ticks = sum(map(int, more[7:11]))  # utime, stime, cutime, cstime
                found[f"{entry.name} {name.partition('(')[2]}"] = ticks / os.sysconf("SC_CLK_TCK")
    return found


@functools.cache
def _server() -> ForkServerContext:
    """Start the process that imports everything once and is forked from then on."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.reliability.preloaded"])
    before = dict(os.environ)
    os.environ.update(ONE_THREAD, PYTHONPATH=str(ROOT))
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def main_of(command: Command) -> Callable[[], int]:
    """Return the function that a command's script calls."""
    return importlib.import_module(command.script.removesuffix(".py").replace("/", ".")).main


def _begin(command: Command) -> None:
    """Be the command: in the forked process."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started the tests with &
    os.chdir(command.cwd)
    log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(log, number)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.update(command.environment)
    tempfile.tempdir = None  # it may be another one here
    sys.argv = [command.script, *command.words]
    main = main_of(command)
    watch = _Watch(command.stop) if command.stop else None
    if watch:
        sys.addaudithook(watch)
    from utils.command import run_command

    try:
        run_command(main)
    finally:
        if watch:
            command.log.with_suffix(".changes").write_text(str(watch.seen))
            command.log.with_suffix(".work").write_text(str(sum(os.times()[:4])))


class _Watch:
    """Count the changes to a folder, and kill at one of them."""

    def __init__(self, stop: Stop) -> None:
        self.stop, self.seen, self.process = stop, 0, os.getpid()
        self.folder = str(stop.folder)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of an audit event."""
        if event not in CHANGES or os.getpid() != self.process:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if not any(self._inside(path) for path in arguments[:2]):
            return
        self.seen += 1
        if self.seen == self.stop.change:
            if self.stop.late_s:
                threading.Timer(self.stop.late_s, os.killpg, (0, self.stop.signal)).start()
            else:
                os.killpg(0, self.stop.signal)

    def _inside(self, path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self.folder)
