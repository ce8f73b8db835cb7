"""Progress of long work: a bar on a terminal, a line now and then in a file; always with the time left; none with `-q`.

For other programs, `VIZEME_EVENTS=FILE` has every command append lines of JSON to a file; see `utils/events.py`.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from utils.events import Events
from utils.processes.manner import is_quiet

if TYPE_CHECKING:
    from rich.console import Console


def duration(seconds: float) -> str:
    """Write seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Show how far a loop is and how long it will take, on stderr.

    Args:
        title: What is being done.
        total: How many steps there are.
        start: Steps done earlier, for work that goes on.
        every_s: Seconds between two lines where there is no terminal.
        show: False keeps quiet, for all but one of several processes.
        console: Where to show it; standard error when None.
    """

    def __init__(
        self,
        title: str,
        total: int,
        *,
        start: int = 0,
        every_s: float = 15.0,
        show: bool = True,
        console: Console | None = None,
    ) -> None:
        self.console = console
        self.title, self.total, self.start, self.done = title, total, start, start
        self.every_s, self.show = every_s, show and not is_quiet()
        self._bar: Any = None
        self._events = Events(title) if show else None
        self._event_only = False
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = self.console or Console(stderr=True)
        if self.show and console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[more]}"),
            )
            self._bar = Bar(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console)
            self._bar.start()
            self._row = self._bar.add_task(self.title, total=self.total, completed=self.start, more="")
        self._began = self._said = time.monotonic()
        if self._events is not None:
            self._events.write("start", self.done, self.total, None)
        return self

    def due(self) -> bool:
        """Tell whether it is time to show or to note something, so that a caller may spare itself the figures."""
        shown = self.show and time.monotonic() - self._said >= (0.5 if self._bar is not None else self.every_s)
        self._event_only = not shown and self._events is not None and self._events.due()
        return shown or self._event_only

    def step(self, count: int = 1) -> None:
        """Note that `count` more are done, and show it when it is time."""
        self.done += count
        if self.due():
            self.at(self.done)

    def at(self, done: int, more: str = "") -> None:
        """Show that `done` of the total are done, with a few more words."""
        self.done = done
        now = time.monotonic()
        left = (now - self._began) / max(1, done - self.start) * (self.total - done)
        if self._events is not None and self._events.due():
            self._events.write("progress", done, self.total, left, more)
        if self._event_only:
            self._event_only = False
            return
        self._said = now
        if self._bar is not None:
            self._bar.update(self._row, completed=done, total=self.total, more=more)
        elif self.show:
            words = "  ".join(
                part for part in (f"{self.title} {done}/{self.total}", more, f"{duration(left)} left") if part
            )
            print(words, file=self.console.file if self.console else sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.update(self._row, completed=self.done, total=self.total)
            self._bar.stop()
            self._bar = None
        if self._events is not None:
            left = 0.0 if kind is None else None
            self._events.write("end", self.done, self.total, left, "" if kind is None else kind.__name__)
