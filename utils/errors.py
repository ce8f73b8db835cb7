"""Errors that are the user's to mend: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import difflib
import errno
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable


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
    errno.ELOOP: "A link there leads to itself; mend it.",
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


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and exit: 2 on what is the user's to mend, 130 on Ctrl-C, its own code otherwise.

    OpenMP's threads are told to sleep while they wait for each other, which must be said before torch is imported: when
    another job wants the processor, threads that spin made an update of training seven times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")  # a file's name need not be UTF-8
    try:
        code = main() or 0
    except UserError as error:
        print(plain(f"error: {error}"), file=sys.stderr)
        code = 2
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(plain(f"error: {where}{error.strerror}. {_REMEDIES[error.errno]}"), file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)
