"""Write files so that a reader never sees half of one; read and write JSON and safetensors."""

from __future__ import annotations

import functools
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import socket
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from utils.errors import DataError

if TYPE_CHECKING:
    from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound="BaseModel")


@contextmanager
def write_aside(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write a file or a folder at; rename it to `path` when the block succeeds.

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
        replace(aside, path)
    except BaseException:
        for left in (aside, *path.parent.glob(f"{glob.escape(aside.stem)}*")):  # and what was written beside it
            remove(left)
        raise


def make_folder(path: Path) -> None:
    """Make a folder and those above it; `DataError` when the machine refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {path} cannot be made ({error.strerror}). Choose another place.") from None


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`: a file takes a file's place, a folder a folder's.

    Raises:
        DataError: `target` is a folder and `source` a file; nobody wants a whole folder gone for a mistyped name.
    """
    if target.is_dir() and not source.is_dir():
        raise DataError(f"{target} is a folder. Name the file to write.")
    if not target.is_dir():
        os.replace(source, target)
        return
    old = _beside(target, "old.part")
    os.rename(target, old)
    os.rename(source, target)
    remove(old)


def clear_after_killed(folder: Path, stem: str = "") -> None:
    """Remove what processes of this machine that were killed while they wrote into a folder have left there.

    A folder that was on its way to being replaced when that happened is put back.

    Args:
        stem: Only what was to become files of this name without suffix; all when empty.
    """
    ours = re.compile(rf"\.(.+?)\.{_machine()}-(\d+)-[0-9a-f]{{6}}(\.old)?\.part(.*)", re.DOTALL)
    with os.scandir(folder) as entries:
        left = [(Path(entry.path), match) for entry in entries if (match := ours.fullmatch(entry.name))]
    for file, match in left:
        name, process, old, suffix = match.groups()
        whose = name.lstrip(".")  # what was written aside for a file that was itself aside begins with two dots
        if stem.lstrip(".") in ("", whose) and not _lives(int(process)):
            if old and not (target := folder / f"{name}{suffix}").exists():
                os.rename(file, target)
            else:
                remove(file)


def keep_only(folder: Path, pattern: str, names: Collection[str]) -> None:
    """Delete the files of a folder that match `pattern` and are not among `names`, and what killed runs left there.

    Nobody else may be writing into the folder: see `alone_in`.
    """
    for file in (*folder.glob(pattern), *folder.glob(".*.part*")):
        if file.name not in names:
            remove(file)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.stem}.{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:6]}.{what}{path.suffix}")


@functools.cache
def _machine() -> str:
    """Return six digits that tell this machine from others which share its disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def remove(path: Path) -> None:
    """Delete a file or a whole folder; do nothing when it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """Return one SHA-256 over plain data (anything JSON holds); equal data gives equal digits."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file; `DataError` when it is missing or damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON ({error}). Delete it and run the command again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None


def read_checked(file: Path, schema: type[ModelT], *, missing: str, again: str) -> ModelT:
    """Read a JSON file into a pydantic model.

    Args:
        missing: What to say when the file cannot be opened.
        again: What to do when its content is wrong, a sentence.

    Raises:
        DataError: With `missing`; or the file, the first wrong field, what is wrong with it, and `again`.
    """
    from pydantic import ValidationError

    try:
        return schema.model_validate_json(file.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(missing) from None
    except UnicodeDecodeError:
        raise DataError(f"{file} is damaged: it is no text. {again}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in (".".join(map(str, first["loc"])),) if part)
        raise DataError(f"{file}: {where}{first['msg'].lower()}. {again}") from None


def read_table(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV file (UTF-8, a head with names); a cell that is missing is an empty text.

    Args:
        columns: Those that it must have.

    Raises:
        DataError: It is missing, no CSV, lacks a column or has no row.
    """
    import csv

    wanted = ", ".join(columns)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            rows = list(reader)
            names = list(reader.fieldnames or [])
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8 ({error}). It has the columns {wanted}.") from None
    if missing := [name for name in columns if name not in names]:
        raise DataError(f"{path} has no column '{missing[0]}'. It has: {', '.join(names)[:200]}. Wanted: {wanted}.")
    if not rows:
        raise DataError(f"{path} has no row below its head ({wanted}).")
    if any("\0" in cell for row in rows for cell in row.values() if isinstance(cell, str)):
        raise DataError(f"{path} is not a CSV file: it holds NUL characters.")
    return rows


def write_json(path: str | Path, data: Any) -> None:
    """Write plain data as indented JSON, aside and renamed. numpy scalars and arrays become numbers and lists."""
    text = json.dumps(data, indent=2, ensure_ascii=False, default=_plain) + "\n"
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not go into JSON")


def save_arrays(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    metadata: dict[str, str] | None = None,
    *,
    outdated: Iterable[Path] = (),
) -> None:
    """Write named arrays as safetensors with their checksums, aside and renamed.

    Args:
        outdated: Files that tell of what was at `path`: deleted when the new arrays are on the disk, just before they
            take its place, so that a run that is killed then is not believed, and one without room loses nothing.
    """
    from safetensors.numpy import save

    from utils.array_file import checksums, crc32

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    sums = checksums({name: crc32(name, array) for name, array in whole.items()})
    with write_aside(path) as aside:
        aside.write_bytes(save(whole, {**(metadata or {}), **sums}))  # save_file leaves a .tmp of its own when killed
        for file in outdated:
            file.unlink(missing_ok=True)


def load_arrays(
    path: str | Path, again: str = "Delete it and run the command that made it again."
) -> dict[str, np.ndarray]:
    """Read every array of a safetensors file; `DataError`, ending in `again`, when it is missing or damaged."""
    from utils.array_file import ArrayFile

    if not Path(path).exists():
        raise DataError(f"{path} does not exist. {again}")
    with closing(ArrayFile(Path(path), again)) as opened:
        return {name: opened.rows(name) for name in opened.names}


def load_array(path: str | Path, what: str) -> np.ndarray:
    """Read the numbers of an `.npy` file.

    Args:
        what: What it should hold, for the error: "landmarks".

    Raises:
        DataError: It is missing or damaged, holds something else than numbers (pickled objects, texts, an archive),
            claims more than is there, or a value is not finite.
    """
    from utils.ffmpeg import existing_file

    file = existing_file(path)
    try:
        # mapped first: a header may claim more than any memory holds
        mapped = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:  # numpy refuses a damaged header in many ways
        reason = "it is damaged, or claims more than it holds"
        if file.open("rb").read(6) != np.lib.format.MAGIC_PREFIX:
            reason = "it is not an .npy file"
        elif "Array can't be memory-mapped" in str(error):
            reason = "it holds Python objects, which are not read; save plain numbers"
        raise DataError(f"{path} holds no {what} that can be read ({reason}).") from None
    if mapped.dtype.kind not in "fiub":
        raise DataError(f"{path} holds no {what}, but values of type {mapped.dtype}. Save plain numbers.")
    with np.errstate(all="ignore"):
        values = np.asarray(mapped, dtype=np.float32)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        raise DataError(f"{path}: {len(wrong)} values are not finite numbers, the first at [{place}].")
    return values


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


def map_new_array(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    """Make an `.npy` of bytes on the disk and map it for writing, its whole room taken at once.

    Writing to a mapped file for which the disk has no room ends the process with SIGBUS; here it is an `OSError`.
    """
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from None
    return mapped


_held: set[int] = set()


def _let_go() -> None:
    """Close the locks in a forked child: one that outlives its killed parent must not keep them."""
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
HOLDER = ".held_by.json"


@contextmanager
def alone_in(folder: Path, busy: str) -> Iterator[None]:
    """Hold a folder while it is filled, and make it first; the lock ends with the process, however that ends.

    Raises:
        DataError: `busy` (a sentence without its full stop) and which process holds it, when another one does.
    """
    import fcntl

    make_folder(folder)
    handle = os.open(folder, os.O_RDONLY)
    note = folder / HOLDER
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"{busy}{_holder(note)}") from None
        _held.add(handle)
        with suppress(OSError):  # a full disk is told when something worth keeping cannot be written
            note.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink(missing_ok=True)
    finally:
        _held.discard(handle)
        os.close(handle)


def filling(folder: Path) -> AbstractContextManager[None]:
    """Hold a folder of data while a command fills it, as `alone_in`."""
    return alone_in(folder, f"{folder} is being filled by another process. Wait for it, or choose another --out")


def _holder(note: Path) -> str:
    """Say who wrote a lock's note, as the end of a sentence; only the full stop when it cannot be read."""
    try:
        told = json.loads(note.read_text())
        return f" (it is process {int(told['pid'])} on {str(told['host'])[:80]})."
    except (OSError, ValueError, KeyError, TypeError):
        return "."
