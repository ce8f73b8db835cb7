"""Run stages of work one after another, each skipped when it was done with the same inputs before.

A stage writes into a folder of its own beside the final one, which is renamed when the stage is whole and holds
`stage.json`: name, version, fingerprint of the inputs, seconds, and the stage's summary. The inputs are the settings
and the earlier stages as they were made that time, so doing one again does all that build on it again. A killed run
leaves only hidden `.part` folders, which the next run removes.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from utils.errors import DataError
from utils.files.aside import clear_after_killed, write_aside
from utils.files.digests import fingerprint
from utils.files.lock import alone_in
from utils.files.ownership import Made
from utils.files.tables import read_json, write_json
from utils.processes.manner import is_quiet
from utils.progress import Progress

Tick = Callable[[int, int], None]
"""Tell how far a stage is: steps done, steps in all."""
Work = Callable[[Path, Tick], dict[str, Any]]
"""Do a stage: write into the folder given, return the summary (what JSON holds)."""


@dataclass(frozen=True)
class Done:
    """A finished stage: where its files lie, what it said, which making of it this is, and how long that took."""

    name: str
    folder: Path
    summary: dict[str, Any]
    made: str
    seconds: float


@dataclass
class Workshop:
    """Run stages under `folder` and keep their results by name.

    Args:
        folder: Where each stage gets a folder of its name.
        redo: Stages to do again although nothing changed.
        console: Where progress is shown.
    """

    folder: Path
    redo: tuple[str, ...] = ()
    console: Console = field(default_factory=lambda: _own_console())
    done: dict[str, Done] = field(default_factory=dict)

    def run(self, name: str, work: Work, *, version: int, needs: tuple[str, ...] = (), **settings: Any) -> Done:
        """Do a stage, unless the same version was done with the same settings on the same earlier stages."""
        wanted = self._wanted(name, version, needs, settings)
        target = self.folder / name
        kept = self.kept(name, version=version, needs=needs, **settings)
        if kept is not None:
            if not is_quiet():
                words = f"[dim]{name:<12} kept ({kept.seconds:.1f} s when it was made)[/dim]"
                self.console.print(words, highlight=False)
            self.done[name] = kept
            return kept
        started = time.monotonic()
        with write_aside(target, self._made(name)) as aside:
            aside.mkdir(parents=True)
            with self._progress(name) as tick:
                summary = work(aside, tick)
            seconds = time.monotonic() - started
            state = {"name": name, "version": version, "fingerprint": wanted, "made": uuid.uuid4().hex}
            files = sorted({path.name for path in aside.iterdir()} | {"stage.json"})
            write_json(aside / "stage.json", state | {"seconds": seconds, "summary": summary, "files": files})
        done = self._kept(target, wanted)
        assert done is not None
        self.done[name] = done
        return done

    def kept(self, name: str, *, version: int, needs: tuple[str, ...] = (), **settings: Any) -> Done | None:
        """Return a stage as it was done before with the same inputs; None when it is to be done."""
        wanted = self._wanted(name, version, needs, settings)
        return None if name in self.redo else self._kept(self.folder / name, wanted)

    def _wanted(self, name: str, version: int, needs: tuple[str, ...], settings: dict[str, Any]) -> str:
        return fingerprint(name, version, settings, [self.done[need].made for need in needs])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder, and clear what a killed one left there."""
        with alone_in(self.folder, f"{self.folder} is being worked on by another run. Wait for it to end"):
            clear_after_killed(self.folder, held=True)
            yield

    @staticmethod
    def made(name: str) -> Made:
        """Return how a stage's folder is known to be one."""
        return Made(marker="stage.json", says=("name", name))

    def _made(self, name: str) -> Made:
        """Return the same with the names that the stage wrote last time: it may have called its files otherwise."""
        try:
            return self.made(name).also(map(str, read_json(self.folder / name / "stage.json")["files"]))
        except (DataError, KeyError, TypeError):
            return self.made(name)

    def undo(self) -> None:
        """Delete what the stages that are done have written."""
        for name, done in self.done.items():
            self.made(name).also(read_json(done.folder / "stage.json")["files"]).delete(done.folder)

    def _kept(self, target: Path, wanted: str) -> Done | None:
        try:
            state = read_json(target / "stage.json")
            if state["fingerprint"] != wanted:
                return None
            return Done(
                name=state["name"],
                folder=target,
                summary=state["summary"],
                made=state["made"],
                seconds=state["seconds"],
            )
        except (DataError, KeyError, TypeError):
            return None

    @contextlib.contextmanager
    def _progress(self, name: str) -> Iterator[Tick]:
        with Progress(f"{name:<12}", 1, console=self.console) as bar:

            def tick(steps: int, total: int) -> None:
                bar.total, bar.done = total, steps
                if bar.due():
                    bar.at(steps)

            yield tick
            bar.done = bar.total
        if not self.console.is_terminal and not is_quiet():
            print(f"{name:<12} done", file=self.console.file, flush=True)


def _own_console() -> Console:
    """Return a console on standard error that goes on showing while `native_noise_muted`."""
    try:
        return Console(file=os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8"))
    except (OSError, ValueError, AttributeError):
        return Console(stderr=True)
