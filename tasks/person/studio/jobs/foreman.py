"""Let jobs run one at a time, whoever comes and goes: begin, stop, find again those of a server that ended."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.person.page.guard import Refused
from tasks.person.studio.jobs import runner
from tasks.person.studio.jobs.store import HERE, LIVE, LIVE_FILM, Job, Jobs
from utils.errors import DataError
from utils.files.lock import hold, let_go
from utils.files.tables import read_json
from utils.paths import ROOT

log = logging.getLogger("vizeme")
DOORS = {
    "person": (sys.executable, str(ROOT / "tasks/talking_head.py")),
    "data": (sys.executable, str(ROOT / "data_gen/run.py")),
    "run": (sys.executable, str(ROOT / "tasks/run.py")),
}
"""How a job's command is begun, before its words."""
FIRST = ("speak", "dub", "face")
"""What somebody waits for: it goes before what takes a night."""
GIVES_WAY = ("train",)
"""What stops for that and goes on by the same command."""
MOST_ATTEMPTS = 3
"""A job that is killed so often does not begin again by itself."""


class Foreman:
    """See to it that one job runs, and that every end is noted.

    Args:
        jobs: All jobs.
        doors: How commands are begun.
        place: The folder in which they run.
    """

    def __init__(self, jobs: Jobs, place: Path, doors: Mapping[str, Sequence[str]] = DOORS) -> None:
        self.jobs, self.place, self.doors = jobs, place, doors
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._asked: dict[str, float] = {}
        """Who was asked to stop, and when."""

    def tick(self) -> None:
        """Look once at what runs and what waits; to be called a few times a second."""
        running = [job for job in self.jobs.unended() if job.state in LIVE]
        for job in running:
            if not self._lives(job):
                self._end(job)
            elif job.state == "stopping" or job.gives_way:
                self._ask_to_stop(job)
        self._stop_hopeless()
        waiting = self.waiting()
        still = [job for job in running if job.state in LIVE]
        if not waiting:
            return
        if not still:
            self._begin(waiting[0])
        elif waiting[0].kind in FIRST:
            for job in still:
                if job.kind in GIVES_WAY and job.state == "running" and not job.gives_way:
                    job.gives_way = True
                    self.jobs.keep(job)

    def waiting(self) -> list[Job]:
        """List what may begin, in the order in which it will."""
        ready = [job for job in self.jobs.unended() if job.state == "queued" and self._state_before(job) == "done"]
        return sorted(ready, key=lambda job: (job.kind not in FIRST, job.created))

    def _state_before(self, job: Job) -> str:
        """Return the state of the job that another one waits for."""
        try:
            return self.jobs.get(job.after).state if job.after else "done"
        except Refused:
            return "stopped"

    def _stop_hopeless(self) -> None:
        """Stop what waits for a job that did not end well."""
        for job in self.jobs.unended():
            if job.state == "queued" and self._state_before(job) in ("failed", "stopped"):
                job.state, job.ended = "stopped", time.time()
                job.error = "what it waited for did not end well: see to that, then go on with this"
                self.jobs.keep(job)

    def before(self, job: Job) -> int:
        """Count the jobs that come before one that waits."""
        if job.state != "queued":
            return 0
        order = [one.id for one in self.waiting()]
        runs = sum(one.state in LIVE for one in self.jobs.unended())
        return runs + (order.index(job.id) if job.id in order else len(order))

    def stop(self, job: Job) -> None:
        """Stop a job that runs, or take one that waits out of the queue.

        Raises:
            Refused: It has ended.
        """
        if job.state == "queued":
            job.state, job.ended = "stopped", time.time()
        elif job.state in LIVE:
            job.state, job.gives_way = "stopping", False
        else:
            raise Refused(409, f"the job has ended ({job.state})")
        self.jobs.keep(job)

    def resume(self, job: Job) -> None:
        """Queue a job again that was stopped or failed; its command goes on from what is there.

        Raises:
            Refused: It runs, waits, or is done.
        """
        if job.state not in ("stopped", "failed"):
            raise Refused(409, f"only what was stopped or failed goes on; this job is {job.state}")
        job.state, job.error, job.code, job.ended, job.attempts = "queued", "", None, None, 0
        self.jobs.keep(job)

    def _begin(self, job: Job) -> None:
        folder = self.jobs.folder_of(job)
        try:
            handle = hold(folder)
        except OSError:
            job.state, job.error, job.ended = "failed", "its folder is gone, and what it needs with it", time.time()
            self.jobs.keep(job)
            return
        if handle is None:  # the end of the last time is not seen yet
            return
        for name in (runner.BEGUN, runner.ENDED):
            (folder / name).unlink(missing_ok=True)
        words = [word.replace(HERE, str(folder)) for word in job.words]
        command = [sys.executable, runner.__file__, str(folder), str(handle), *self.doors[job.door], *words]
        try:
            self._children[job.id] = subprocess.Popen(
                command, cwd=self.place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=(handle,),
            )  # fmt: skip
        except OSError as error:
            job.state, job.error, job.ended = "failed", f"it could not be begun ({error.strerror})", time.time()
        else:
            job.state, job.started, job.ended, job.gives_way = "running", time.time(), None, False
            job.attempts += 1
        finally:
            let_go(handle)
        self._asked.pop(job.id, None)
        self.jobs.keep(job)

    def _lives(self, job: Job) -> bool:
        """Tell whether a job's runner or command lives: one of them holds the lock of its folder."""
        child = self._children.get(job.id)
        if child is not None and child.poll() is not None:
            del self._children[job.id]
        try:
            handle = hold(self.jobs.folder_of(job))
        except OSError:
            return False
        if handle is None:
            return True
        let_go(handle)
        return False

    def _end(self, job: Job) -> None:
        end = _read(self.jobs.folder_of(job) / runner.ENDED)
        job.ended = time.time()
        if end is None:
            self._end_killed(job)
        else:
            job.code, job.error = int(end.get("code", -1)), ""
            if job.code == 0:
                job.state = "done"
            elif end.get("stopped"):
                job.state = "queued" if job.gives_way else "stopped"
                job.attempts = 0
            elif job.code < 0:  # by a signal that nobody here sent
                self._end_killed(job)
            else:
                job.state, job.error = "failed", str(end.get("said", "")) or f"it ended with exit code {job.code}"
        job.gives_way = False
        if job.state != "queued":
            (self.jobs.folder_of(job) / LIVE_FILM).unlink(missing_ok=True)
        self._asked.pop(job.id, None)
        self.jobs.keep(job)

    @staticmethod
    def _end_killed(job: Job) -> None:
        """Let a job that was killed begin again, unless somebody stopped it or it was killed too often."""
        if job.state == "stopping":
            job.state = "stopped"
        elif job.attempts >= MOST_ATTEMPTS:
            job.state = "failed"
            job.error = f"it was ended from outside {job.attempts} times: is there enough memory? Go on when there is"
        else:
            job.state = "queued"

    def _ask_to_stop(self, job: Job) -> None:
        """Ask the runner to stop; end hard what does not end although its runner should have seen to it."""
        begun = _read(self.jobs.folder_of(job) / runner.BEGUN)
        first = self._asked.get(job.id)
        late = first is not None and time.monotonic() - first > runner.GRACE_S + 10
        if begun is None or (first is not None and not late):
            return
        self._asked.setdefault(job.id, time.monotonic())
        try:
            _signal(int(begun["runner"]), int(begun["group"]), hard=late)
        except (ValueError, KeyError):
            pass


def _signal(watcher: int, group: int, *, hard: bool) -> None:
    """Ask a runner to stop its command, or end the command when that is of no use."""
    if hasattr(os, "kill") and hasattr(os, "killpg"):
        try:
            if not hard and os.getsid(watcher) == watcher:  # what has its number now, if it is gone, is no leader
                os.kill(watcher, signal.SIGTERM)
                return
        except OSError:
            pass
        try:
            os.killpg(group, getattr(signal, "SIGKILL", signal.SIGTERM) if hard else signal.SIGTERM)
        except OSError:
            pass


def _read(file: Path) -> dict[str, Any] | None:
    try:
        data = read_json(file)
    except DataError:
        return None
    return data if isinstance(data, dict) else None
