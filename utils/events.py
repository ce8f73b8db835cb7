"""Lines of JSON for other programs: `VIZEME_EVENTS=FILE` has every long command append how far it is.

    {"event": "start", "stage": "rendering", "done": 0, "total": 250, "left_s": null, "said": "", "time": 1764428000.1}
    {"event": "progress", "stage": "rendering", "done": 40, "total": 250, "left_s": 12.5, "said": "loss 0.1", ...}
    {"event": "end", "stage": "rendering", "done": 250, "total": 250, "left_s": 0.0, "said": "", ...}

At most two lines of progress a second, and no more once the file is large. A file that cannot be written, or that holds
other things than such lines, is left alone: the command goes on. `said` has the figures in words; at an end it is
empty, or the kind of error that ended the work.
"""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

EVERY_S = 0.5
START = b'{"event": "'
"""How every line begins."""
MOST_BYTES = 64 << 20
"""A night of two lines a second is 10 MB; a file that has more is not added to."""


class Events:
    """Append what becomes of one stage to the file that `VIZEME_EVENTS` names; do nothing when it names none.

    Args:
        stage: What is being done.
    """

    def __init__(self, stage: str) -> None:
        named = os.environ.get("VIZEME_EVENTS", "")
        try:
            self.file = Path(named).expanduser() if named else None
        except RuntimeError:  # `~` of nobody
            self.file = None
        self.stage = " ".join(stage.split())[:200]
        self._last = -math.inf

    def due(self) -> bool:
        """Tell whether it is time for a line of progress."""
        return self.file is not None and time.monotonic() - self._last >= EVERY_S

    def write(self, event: str, done: int, total: int, left_s: float | None, said: str = "") -> None:
        """Append a line.

        Args:
            event: start, progress or end.
            left_s: Seconds left, where that can be told.
            said: Figures in words.
        """
        if self.file is None:
            return
        self._last = time.monotonic()
        line = {
            "event": event, "stage": self.stage, "done": int(done), "total": int(total),
            "left_s": round(max(0.0, float(left_s)), 1) if left_s is not None and math.isfinite(left_s) else None,
            "said": said[:500],
            "time": round(time.time(), 3),
        }  # fmt: skip
        try:
            # One write to a file that is only appended to: lines of several processes do not mix. Not waited for, as
            # a pipe that nobody reads would have it.
            if not _is_ours(self.file):
                self.file = None
                return
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
            number = os.open(self.file, flags, 0o644)
            try:
                if os.fstat(number).st_size < MOST_BYTES:
                    os.write(number, (json.dumps(line) + "\n").encode())
            finally:
                os.close(number)
        except (OSError, ValueError):
            self.file = None


def _is_ours(file: Path) -> bool:
    """Tell whether lines may be appended: to a file that is new, empty or holds such lines, to a pipe, to a device."""
    if not file.is_file() or file.stat().st_size == 0:
        return True
    with file.open("rb") as opened:
        return opened.read(len(START)) == START
