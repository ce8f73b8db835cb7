"""Arrays on disk: safetensors with checksums, .npy."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from utils.arrays import Numbers
from utils.errors import DataError
from utils.files.array_file import ArrayFile, checksums, crc32
from utils.files.aside import write_aside
from utils.paths import existing_file


def write_arrays_in_turn(file: Path, arrays: Iterable[tuple[str, Numbers]]) -> None:
    """Write named float32 arrays as safetensors while they come, so that only one is in memory.

    The format is eight bytes of header length, the header (JSON: type, shape and place of each array, and a checksum of
    it), the numbers.
    """
    header: dict[str, Any] = {}
    sums: dict[str, str] = {}
    place = 0
    body = file.with_name(file.name + ".body")
    try:
        with body.open("wb") as out:
            for name, array in arrays:
                data = np.ascontiguousarray(array, dtype="<f4")
                header[name] = {"dtype": "F32", "shape": data.shape, "data_offsets": [place, place + data.nbytes]}
                sums[name] = crc32(name, data)
                out.write(data.tobytes())
                place += data.nbytes
        header["__metadata__"] = checksums(sums)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with file.open("wb") as out, body.open("rb") as numbers:
            out.write(len(text).to_bytes(8, "little") + text)
            shutil.copyfileobj(numbers, out, 1 << 20)
    finally:
        body.unlink(missing_ok=True)


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
