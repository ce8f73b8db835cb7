"""Children that work for a command: one in its terminal, or several side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import FrameType

SAVE_S = 120
"""Seconds that a child which was asked to end may take to save."""
_LOOK_S = 3600
"""How often a wait for children looks up: work may take a night, and a wait without end cannot be broken off."""


class Children:
    """Run commands, each its own child; Ctrl-C and a polite kill reach all, which may save before they end."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.leaving = False

    def run(self, command: Sequence[str], name: str = "", environment: Mapping[str, str] | None = None) -> int:
        """Run a command and return its exit code; that of one who was asked to leave when all are.

        Args:
            name: Put before every line that it says, where several speak at once; without, it has the terminal.
            environment: Variables beside those of this process.
        """
        with self._lock:
            if self.leaving:
                return 128 + signal.SIGTERM
            child = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdout=subprocess.PIPE if name else None,
                stderr=subprocess.STDOUT if name else None,
                text=True,
                errors="replace",
            )
            self._running.add(child)
        try:
            for line in child.stdout or ():
                sys.stdout.write(f"{name} | {line.rstrip()}\n")
                sys.stdout.flush()
            return child.wait()
        finally:
            with self._lock:
                self._running.discard(child)

    def leave(self) -> None:
        """Ask all to end, and begin none any more."""
        with self._lock:
            if not self.leaving:  # asked twice they would end without saving
                self.leaving = True
                for child in self._running:
                    child.terminate()

    def rows(self, works: Sequence[Callable[[], int]]) -> int:
        """Do works side by side, each of which runs children and returns an exit code.

        Returns:
            0, or the first code that is another; the other works are then asked to leave.
        """
        old = signal.signal(signal.SIGTERM, self._on_kill)
        pool = ThreadPoolExecutor(len(works))
        try:
            codes = [pool.submit(work) for work in works]
            return self._first_that_is_not_0(codes)
        except KeyboardInterrupt:
            # The terminal sent Ctrl-C to the children as well: they are writing their checkpoints.
            self.leaving = True
            try:
                wait(codes, timeout=SAVE_S)
            except KeyboardInterrupt:
                pass
            for child in self._running.copy():
                child.kill()
            raise
        finally:
            pool.shutdown(wait=True)
            signal.signal(signal.SIGTERM, old)

    def _on_kill(self, number: int, frame: FrameType | None) -> None:
        # The lock may be held by the very thread that the signal broke into: a thread of its own can wait for it.
        threading.Thread(target=self.leave, daemon=True).start()

    def _first_that_is_not_0(self, codes: list[Future[int]]) -> int:
        first = 0
        left = set(codes)
        while left:
            done, left = wait(left, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            try:
                found = [code.result() for code in codes if code in done]
            except BaseException:
                self.leave()
                raise
            for code in found:
                if code and not first:
                    first = code
                    self.leave()
        return first
