"""Hold a folder while it is filled.

Ours and not `filelock`: who waits is told which process holds the folder, and a forked child lets go of it.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files.aside import make_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HOLDER = ".held_by.json"
_FAR = 1 << 30
"""The byte that Windows locks: far behind the note, which others may then read and write."""
_held: set[int] = set()


def _let_go() -> None:
    """Close the locks in a forked child: one that outlives its killed parent must not keep them."""
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def alone_in(folder: Path, busy: str) -> Iterator[None]:
    """Hold a folder while it is filled, and make it first; the lock ends with the process, however that ends.

    Raises:
        DataError: `busy` (a sentence without its full stop) and which process holds it, when another one does.
    """
    make_folder(folder)
    note = folder / HOLDER
    handle = hold(folder)
    if handle is None:
        raise DataError(f"{busy}{_holder(note)}")
    try:
        with suppress(OSError):  # a full disk is told when something worth keeping cannot be written
            note.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink(missing_ok=True)
    finally:
        let_go(handle)
        if fcntl is None:  # it was open until now, and Windows deletes nothing that is open
            with suppress(OSError):
                note.unlink(missing_ok=True)


def place_of(folder: Path) -> Path:
    """Return what is locked of a folder: itself, or the note in it on Windows, which locks no folders."""
    return folder / HOLDER if fcntl is None else folder


def hold(folder: Path) -> int | None:
    """Lock a folder for this process and return the handle to let go of; None when another process holds it.

    Raises:
        OSError: There is no such folder.
    """
    handle = os.open(place_of(folder), os.O_RDWR | os.O_CREAT if fcntl is None else os.O_RDONLY | os.O_DIRECTORY)
    try:
        if fcntl is None:
            windows: Any = importlib.import_module("msvcrt")
            os.lseek(handle, _FAR, os.SEEK_SET)
            windows.locking(handle, windows.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    _held.add(handle)
    return handle


def let_go(handle: int) -> None:
    """Unlock what `hold` locked."""
    _held.discard(handle)
    os.close(handle)


def filling(folder: Path) -> AbstractContextManager[None]:
    """Hold a folder of data while a command fills it, as `alone_in`."""
    return alone_in(folder, f"{folder} is being filled by another process. Wait for it, or choose another --out")


def _holder(note: Path) -> str:
    """Say who wrote a lock's note, as the end of a sentence; only the full stop when it cannot be read."""
    try:
        holder = json.loads(note.read_text())
        return f" (it is process {int(holder['pid'])} on {str(holder['host'])[:80]})."
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "."
