"""Errors that are the user's to mend: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

WORKER_DIED = (
    "A process that shares the work died: it was killed, or there was too little memory. What is finished is kept: "
    "give the command again, with fewer workers if it is the memory."
)


class UserError(Exception):
    """Say what is wrong, where, and how to mend it; every command turns it into exit code 2."""


class ConfigError(UserError):
    """Refuse a recipe, a setting or a flag."""


class DataError(UserError):
    """Refuse data: a video, a sound, a dataset."""


class AssetError(UserError):
    """Tell how to get an outside weight that is not here."""


def first_line(error: Exception) -> str:
    """Return the first line of what somebody else's code says went wrong, or what kind of error it is."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` most like `name`, or None when none is near."""
    matches = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.6)
    return matches[0] if matches else None


