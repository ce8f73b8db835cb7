"""Write files so that a reader never sees half of one, and clear up after who was killed at it."""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from utils.errors import DataError
from utils.files.ownership import Made

_LONGEST = 180
"""Bytes of a name that go into a hidden one."""


@contextmanager
def write_aside(path: str | Path, made: Made | None = None) -> Iterator[Path]:
    """Give a path beside `path` to write a file or a folder at; rename it to `path` when the block succeeds.

    Of a folder that is written anew only what `made` proves to be ours goes; the rest is carried over.

    What was at `path` stays until then, and stays for good when the block raises. The suffix is kept, since
    many writers choose a format by it. A process that is killed leaves only a hidden name with `.part` in it, and the
    next that writes `path` removes it.
    """
    path = Path(path)
    make_folder(path.parent)
    clear_after_killed(path.parent, path.stem)
    aside = _beside(path, "part")
    try:
        yield aside
        if not aside.exists():
            raise RuntimeError(f"nothing was written for {path}")
        replace(aside, path, made)
    except BaseException:
        for left in (aside, *path.parent.glob(f"{glob.escape(aside.stem)}*")):  # and what was written beside it
            remove(left)
        raise


@contextmanager
def folder_beside(path: str | Path) -> Iterator[Path]:
    """Make a folder beside a path, on its disk, for what is needed while that is written; it is deleted at the end.

    One that a killed process left is removed by the next that writes `path`.
    """
    path = Path(path)
    make_folder(path.parent)
    clear_after_killed(path.parent, path.stem)
    folder = _beside(path, "part")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        remove(folder)


def make_folder(path: Path) -> None:
    """Make a folder and those above it; `DataError` when the machine refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {path} cannot be made ({error.strerror}). Choose another place.") from None


def replace(source: Path, target: Path, made: Made | None = None) -> None:
    """Rename `source` to `target`: a file takes a file's place, a folder a folder's.

    Args:
        made: What of a folder at `target` is ours; the rest is in its place again afterwards.

    Raises:
        DataError: `target` is a folder and `source` a file, or a folder of which nothing is known; nobody wants a whole
            folder gone for a mistyped name.
    """
    if target.is_dir() and not source.is_dir():
        raise DataError(f"{target} is a folder. Name the file to write.")
    if not target.is_dir():
        os.replace(source, target)
        return
    names = frozenset(path.name for path in source.iterdir())
    ours = made.also(names) if made else Made(names, marker="?")  # nothing is called so: all there is a stranger's
    ours.refuse_clash(target)
    ours.carry_over(target, source)
    old = _beside(target, "old.part")
    os.rename(target, old)
    os.rename(source, target)
    remove(old)


def clear_after_killed(folder: Path, stem: str = "", *, held: bool = False) -> None:
    """Remove what processes of this machine that were killed while they wrote into a folder have left there.

    A folder that was on its way to being replaced when that happened is put back.

    Args:
        stem: Only what was to become files of this name without suffix; all when empty.
        held: Nobody else may be writing into the folder (`alone_in`): what other machines left goes too.
    """
    ours = re.compile(r"\.(.+?)\.([0-9a-f]{6})-(\d+)-[0-9a-f]{6}(\.old)?\.part(.*)", re.DOTALL)
    with os.scandir(folder) as entries:
        left = [(Path(entry.path), match) for entry in entries if (match := ours.fullmatch(entry.name))]
    for file, match in left:
        name, machine, process, old, suffix = match.groups()
        whose = name.lstrip(".")  # what was written aside for a file that was itself aside begins with two dots
        over = not _lives(int(process)) if machine == _machine() else held
        if _short(stem).lstrip(".") in ("", whose) and over:
            if old and re.search("~[0-9a-f]{16}$", name):
                continue  # whose place that was is not known; it is a whole folder, and stays
            if old and not (target := folder / f"{name}{suffix}").exists():
                os.rename(file, target)
            else:
                remove(file)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{_short(path.stem)}.{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:6]}.{what}{path.suffix}")


def _short(stem: str) -> str:
    """Return a name that leaves room for what a hidden name has besides: names have 255 bytes at most."""
    raw = os.fsencode(stem)
    if len(raw) <= _LONGEST:
        return stem
    return raw[: _LONGEST - 17].decode("utf-8", "ignore") + "~" + hashlib.sha256(raw).hexdigest()[:16]


@functools.cache
def _machine() -> str:
    """Return six digits that tell this machine from others which share its disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _lives(process: int) -> bool:
    if os.name != "nt":  # there it would be sent Ctrl-C; what a killed one left stays
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except OSError:  # another user's
            return True
    return True


def remove(path: Path) -> None:
    """Delete a file or a whole folder of our own making, as its hidden name tells; do nothing when it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
