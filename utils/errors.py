"""Errors that are the user's to mend: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import difflib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType


class UserError(Exception):
    """Say what is wrong, where, and how to mend it; every command turns it into exit code 2."""


class ConfigError(UserError):
    """Refuse a recipe, a setting or a flag."""


class DataError(UserError):
    """Refuse data: a video, a sound, a dataset."""


class AssetError(UserError):
    """Tell how to get an outside weight that is not here."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None when none is near."""
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


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
}
"""What the machine refuses for reasons outside the program, and what to do about it."""


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and exit: 2 on what is the user's to mend, its own code otherwise.

    Ctrl-C (130) and SIGTERM (143) end it as an error does: what it was writing is removed, what it started is ended.

    OpenMP's threads are told to sleep while they wait for each other, which must be said before torch is imported: when
    another job wants the processor, threads that spin made an update of training seven times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)
    try:
        code = main() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror}. {_REMEDIES[error.errno]}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by way of every `finally`, once: what comes while things are put in order must not break it off."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
