"""What tells that files are the same, changed, or outside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from utils.errors import DataError


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """Return one SHA-256 over plain data (anything JSON holds); equal data gives equal digits."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def inside(folder: Path, name: str) -> Path:
    """Return where `name`, as an index or a list of files gives it, lies in `folder`.

    Raises:
        DataError: It leads out of the folder: by `..`, as an absolute path, or over a link.
    """
    path = Path(folder) / name
    if not path.resolve().is_relative_to(Path(folder).resolve()):
        raise DataError(f"{folder}: '{name}' leads out of the folder, which no file of a dataset may. Make it again.")
    return path


def stamp(file: Path) -> tuple[int, int, int]:
    """Return what tells that a file is no longer the one it was: its number, size and time; zeros when it is gone."""
    try:
        status = Path(file).stat()
    except OSError:
        return 0, 0, 0
    return status.st_ino, status.st_size, status.st_mtime_ns


def refuse_changed(index: Path, seen: tuple[int, int, int]) -> None:
    """Raise `DataError` when a dataset's index is no longer the one whose `stamp` was `seen`: its files may not fit."""
    if stamp(index) != seen:
        raise DataError(f"{index.parent} was made again, or is gone, since it was opened. Start again.")
