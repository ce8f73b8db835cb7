"""Keep what is needed for a while in the system's temporary folder, and clear up after who was killed with it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from utils.files.lock import hold, let_go, place_of

MARKER = ".made_by_vizeme"
NAME = re.compile(r"vizeme-[a-z0-9_]{8}")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder of one's own, and delete it at the end; first those whose processes were killed are deleted.

    Its process holds a lock on it, which ends with the process.
    """
    place = Path(tempfile.gettempdir())
    clear_scratch(place)
    while True:
        folder = Path(tempfile.mkdtemp(prefix="vizeme-", dir=place))
        if (handle := _hold(folder)) is not None:
            break
    try:
        (folder / MARKER).touch()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        let_go(handle)
        if folder.exists():  # Windows deletes nothing that is open, as the lock was
            shutil.rmtree(folder, ignore_errors=True)


def clear_scratch(place: Path) -> None:
    """Delete the folders that killed processes of this user left in `place`.

    What is ours has our form of name, this user as its owner, our marker (one in which nothing lies yet needs none),
    and nobody who holds it.
    """
    with os.scandir(place) as entries:
        left = [Path(entry.path) for entry in entries if NAME.fullmatch(entry.name) and _is_own_folder(entry)]
    for folder in left:
        handle = _hold(folder)
        if handle is None:
            continue
        try:
            if (folder / MARKER).is_file():
                shutil.rmtree(folder, ignore_errors=True)
            else:
                with suppress(OSError):
                    folder.rmdir()
        finally:
            let_go(handle)


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    mine = status.st_uid == os.getuid() if hasattr(os, "getuid") else True  # on Windows every user has a folder for it
    return stat.S_ISDIR(status.st_mode) and mine


def _hold(folder: Path) -> int | None:
    """Lock a folder and return the handle; None when another process holds it, or has deleted it meanwhile."""
    try:
        handle = hold(folder)
    except OSError:
        return None
    if handle is None:
        return None
    try:
        if os.path.samestat(os.fstat(handle), os.lstat(place_of(folder))):
            return handle
    except OSError:
        pass
    let_go(handle)
    return None
