"""How much a command says: `-q` leaves out progress and notes, `-v` says more; what it starts does as it does.

Results, warnings and errors are said in any case. In the environment it is VIZEME_SAYS: quiet or verbose.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from utils.errors import ConfigError
from utils.paths import as_typed

VARIABLE = "VIZEME_SAYS"
FLAGS = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose"}
"""What may be typed with every command, and what the environment then says."""
HELP = {
    "-q, --quiet": "leave out progress and notes; results, warnings and errors stay",
    "-v, --verbose": "say more: which files are read",
}
OURS = ("vizeme", "tasks", "data_gen", "modules", "utils")
"""Whose notes are said; libraries tell warnings only."""


def take_manner(words: Sequence[str]) -> list[str]:
    """Take `-q` and `-v` out of a command's words (not after a `--`), and do as they say from now on.

    Raises:
        ConfigError: Both are asked for.
    """
    own = list(words)[: list(words).index("--")] if "--" in words else list(words)
    manners = {FLAGS[word] for word in own if word in FLAGS}
    if len(manners) > 1:
        raise ConfigError("--quiet and --verbose: give one of them")
    if manners:
        os.environ[VARIABLE] = manners.pop()
    return [word for word in own if word not in FLAGS] + list(words)[len(own) :]


def is_quiet() -> bool:
    """Tell whether progress and notes are left out."""
    return os.environ.get(VARIABLE) == "quiet"


def note_reading(path: object) -> None:
    """Note for who wants to know more that a file, or a folder of files, is read."""
    logging.getLogger("vizeme").debug("reading %s", path)


class _Notes(logging.Formatter):
    """Write a note as it is, with commands called as they are here."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return as_typed(super().format(record))


def begin_notes(*, main: bool = True) -> None:
    """Send notes to standard error, as many as are asked for; whoever listens to them already goes on doing so.

    Args:
        main: False for all but the first of several processes that work together: they tell warnings only.
    """
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Notes("%(message)s"))
        logging.basicConfig(level=logging.WARNING, handlers=[handler])
        level = {"quiet": logging.WARNING, "verbose": logging.DEBUG}.get(os.environ.get(VARIABLE, ""), logging.INFO)
        for name in OURS:
            logging.getLogger(name).setLevel(level if main else logging.WARNING)
