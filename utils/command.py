"""Run a command: exit codes, what the machine refused in plain words, numbers with their limits.

    parser.add_argument("--size", type=whole(16, 2048))
    run_command(main)
"""

from __future__ import annotations

import argparse
import errno
import math
import os
import re
import signal
import sys
import threading
import unicodedata
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from utils.errors import WORKER_DIED, UserError

_CHOOSE = "Change its permissions, or choose another place."
_MIXED = "A file and a folder are taken for each other in that path."
_ROOM = "Free some room, or choose another disk."
_REMEDIES = {
    errno.EACCES: _CHOOSE,
    errno.EPERM: _CHOOSE,
    errno.EROFS: _CHOOSE,
    errno.ENOTDIR: _MIXED,
    errno.EISDIR: _MIXED,
    errno.EEXIST: _MIXED,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ELOOP: "A link there leads to itself; mend it.",
    errno.EFBIG: "A file may not grow so large here: look at `ulimit -f`.",
    errno.EMFILE: "Too many files are open: raise `ulimit -n`, or use fewer workers.",
    errno.ENOMEM: "End other programs, or make less at once.",
    errno.EIO: "The disk or the connection to it fails.",
    errno.ESTALE: "The folder was moved or deleted meanwhile.",
}
"""What the machine refuses for reasons outside the program, and what to do about it."""


MOST_LINES, MOST_CHARACTERS = 40, 240
"""Lines of an error, and characters of one, that are shown: what is longer is the rubbish that was given, sent back."""


def plain(text: str) -> str:
    """Return an error as a terminal may show it: control characters written out, what is overlong cut in the middle."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"  ... and {len(lines) - MOST_LINES + 1} lines more"]
    return "\n".join(_plain_line(line) for line in lines)


def _plain_line(line: str) -> str:
    # a path may be long and is needed whole; one word that is longer than any path may be is not
    most = MOST_CHARACTERS if max(map(len, line.split()), default=0) > 4 * MOST_CHARACTERS else 8 * MOST_CHARACTERS
    if len(line) > most:
        line = f"{line[: most // 2]} ... ({len(line)} characters) ... {line[-most // 2 :]}"
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in ("Cc", "Cf", "Cs") else char
        for char in line
    )


_NO_ROOM = re.compile(r"requested and \d+ written|file write failed|unexpected pos \d+ vs")
_WORKER = re.compile(r"DataLoader worker .*(exited unexpectedly|is killed)")
_NO_MEMORY = re.compile(r"can't allocate memory|[Oo]ut of memory")


def refused_by_machine(error: Exception) -> str | None:
    """Say what the machine refused and what to do about it; None when the error is of another kind.

    Not every library says it as Python does: safetensors has the number of the system's error in its text, numpy and
    torch only tell that less was written than they wanted.
    """
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {_REMEDIES[error.errno]}"
    text = str(error)
    told = re.search(r"\(os error (\d+)\)", text)
    if told and int(told[1]) in _REMEDIES:
        return f"{os.strerror(int(told[1]))}. {_REMEDIES[int(told[1])]}"
    if isinstance(error, OSError | RuntimeError) and _NO_ROOM.search(text):
        return f"{os.strerror(errno.ENOSPC)}, it seems: a file could not be written whole. {_ROOM}"
    if type(error).__name__ == "BrokenProcessPool" or (isinstance(error, RuntimeError) and _WORKER.search(text)):
        return WORKER_DIED
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(text)):
        return "There is too little memory. End other programs, or make less at once: a smaller batch, fewer workers."
    return None


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and exit: 2 on what is the user's to mend, its own code otherwise.

    Ctrl-C (130) and SIGTERM (143) end it as an error does: what it was writing is removed, what it started is ended.

    OpenMP's threads are told to sleep while they wait for each other, which must be said before torch is imported: when
    another job wants the processor, threads that spin made an update of training seven times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")  # a file's name need not be UTF-8
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)
    try:
        code = main() or 0
    except UserError as error:
        print(plain(f"error: {error}"), file=sys.stderr)
        code = 2
    except Exception as error:
        refusal = refused_by_machine(error)
        if refusal is None:
            raise
        print(plain(f"error: {refusal}"), file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by way of every `finally`, once: what comes while things are put in order must not break it off."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


Number = TypeVar("Number", int, float)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number") from None
        return _within(value, least, most)

    return read


def number(least: float, most: float | None = None) -> Callable[[str], float]:
    """Return a reader of finite numbers from `least` to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a number")
        return _within(value, least, most)

    return read


def _within(value: Number, least: float, most: float | None) -> Number:
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"{value} is out of range: choose {limits}")
    return value
