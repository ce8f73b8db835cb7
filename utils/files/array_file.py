"""Read rows of arrays in a safetensors file, and notice when its bytes are not those that were written.

The file's header may hold a checksum (CRC-32) of every array: `{"__metadata__": {"crc32": "{name: digits}"}}`. An array
is compared with its own when it is first touched, so that a corpus opens in no time and a flipped bit is found all the
same.
Rows are read, not mapped: mapped files would count as memory, and grow with what was read. For these two reasons the
reader is ours and not safetensors' `safe_open`, which maps and knows no checksums.
"""

from __future__ import annotations

import json
import math
import os
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utils.arrays import Bytes, Numbers
from utils.errors import DataError
from utils.files.digests import inside, refuse_changed, stamp

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
_BLOCK, _LONGEST_READ = 1 << 20, 1 << 24
_SEEKING = threading.Lock()
_LONGEST_HEADER = 100_000_000
_MOST_SIDES, _MOST_NUMBERS = 32, 1 << 48
MOST_OPEN = 128
"""Shards of a dataset that are held open at once."""


def crc32(name: str, array: Numbers) -> str:
    """Return the checksum of an array's name, shape, type and numbers, eight hexadecimal digits."""
    plain = np.ascontiguousarray(array)
    begun = _begin(name, plain.dtype, plain.shape)
    return f"{zlib.crc32(plain.reshape(-1).view(np.uint8).data, begun):08x}"


def _begin(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return zlib.crc32(f"{name} {dtype.newbyteorder('<').str} {list(shape)}".encode())


def checksums(sums: Mapping[str, str]) -> dict[str, str]:
    """Return what the metadata of a safetensors file says of its arrays' checksums."""
    return {"crc32": json.dumps(dict(sums), sort_keys=True, separators=(",", ":"))}


class ArrayFile:
    """The arrays of a safetensors file.

    Args:
        path: The file.
        again: What to do when it is damaged, a sentence.
        sound: Arrays whose checksums were compared before, when the same file was open; more are added to it.

    Raises:
        DataError: It is missing or damaged.
    """

    def __init__(self, path: Path, again: str, sound: set[str] | None = None) -> None:
        self.path, self.again = path, again
        self._sound = set() if sound is None else sound
        try:
            self._handle = path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}). {again}") from None
        try:
            self._read_header()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            self.close()
            reason = str(error) if isinstance(error, _Damaged) else "its header makes no sense"
            raise DataError(f"{path} is damaged: {reason}. {again}") from None

    def _read_header(self) -> None:
        size = self.path.stat().st_size
        length = int.from_bytes(self._handle.read(8), "little")
        self._body = 8 + length
        if self._body > size:
            raise _Damaged("it is cut off")
        if length > _LONGEST_HEADER:
            raise _Damaged("its header is too long")
        header = json.loads(self._handle.read(length))
        metadata = header.pop("__metadata__", {})
        self.metadata: dict[str, str] = {str(name): str(value) for name, value in metadata.items()}
        self._sums: dict[str, str] = dict(json.loads(self.metadata.get("crc32", "{}")))
        self._entries: dict[str, tuple[str, tuple[int, ...], int]] = {}
        for name, entry in header.items():
            shape = tuple(int(side) for side in entry["shape"])
            start, stop = (int(place) for place in entry["data_offsets"])
            dtype = str(entry["dtype"])
            if len(shape) > _MOST_SIDES or math.prod(max(side, 1) for side in shape) >= _MOST_NUMBERS:
                raise _Damaged(f"the shape of {name} in it makes no sense")  # zeros beside such sides are refused too
            wide = np.dtype(_DTYPES[dtype]).itemsize * math.prod(shape)
            if min((*shape, start)) < 0 or stop - start != wide:
                raise _Damaged(f"the place of {name} in it makes no sense")
            if self._body + stop > size:
                raise _Damaged("it is cut off")
            self._entries[name] = (dtype, shape, start)
        if metadata and set(self._sums) != set(self._entries):
            raise _Damaged("its checksums are missing, or of other arrays")

    @property
    def names(self) -> list[str]:
        """List the arrays."""
        return list(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array without reading it."""
        return self._entry(name)[1]

    def rows(self, name: str, start: int = 0, stop: int | None = None, *, check: bool = True) -> Numbers:
        """Read rows [start, stop) of an array, as many as there are.

        Args:
            check: False leaves the checksum of the array alone: the caller has a finer one.

        Raises:
            DataError: There is no such array, or its bytes are not those that were written.
        """
        dtype, shape, place = self._entry(name)
        unsure = check and name in self._sums and name not in self._sound
        most = shape[0] if shape else 1  # a single number is one row
        start, stop, _ = slice(start, stop).indices(most)
        whole = (start, stop) == (0, most)
        if unsure and not whole:
            self._verify(name)
        values = np.empty((max(0, stop - start), *shape[1:]), _DTYPES[dtype])
        width = values.itemsize * math.prod(shape[1:])
        self._fill(values.reshape(-1).view(np.uint8), place + start * width)
        if unsure and whole:  # compared as it was read, instead of reading it twice
            self._compare(name, crc32(name, values.reshape(shape)))
        return values

    def _entry(self, name: str) -> tuple[str, tuple[int, ...], int]:
        if name not in self._entries:
            raise DataError(f"{self.path} has no array {name}. {self.again}")
        return self._entries[name]

    def _verify(self, name: str) -> None:
        dtype, shape, place = self._entries[name]
        left = np.dtype(_DTYPES[dtype]).itemsize * math.prod(shape)
        block, checksum = np.empty(min(left, _BLOCK), np.uint8), _begin(name, np.dtype(_DTYPES[dtype]), shape)
        while left:
            piece = block[: min(left, _BLOCK)]
            self._fill(piece, place)
            checksum = zlib.crc32(piece.data, checksum)
            left, place = left - len(piece), place + len(piece)
        self._compare(name, f"{checksum:08x}")

    def _compare(self, name: str, checksum: str) -> None:
        if checksum != self._sums[name]:
            raise DataError(f"{self.path} is damaged: the numbers of {name} are not those written. {self.again}")
        self._sound.add(name)

    def _fill(self, view: Bytes, place: int) -> None:
        done = 0
        while done < len(view):
            got = self._read(self._body + place + done, min(len(view) - done, _LONGEST_READ))
            if not got:
                raise DataError(f"{self.path} became shorter while it was read. {self.again}")
            view[done : done + len(got)] = np.frombuffer(got, np.uint8)
            done += len(got)

    def _read(self, place: int, most: int) -> bytes:
        if hasattr(os, "pread"):  # processes that were forked share one place in the file
            return os.pread(self._handle.fileno(), most, place)
        with _SEEKING:  # Windows forks none, but threads share it
            self._handle.seek(place)
            return self._handle.read(most)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


class ShardFolder:
    """The shards of a dataset: each is opened when it is first read, so many at once, and never one that may not fit.

    Make it before reading `index.json`: a shard is refused when the index is no longer the one that was there then.

    Args:
        path: Folder of the shards and `index.json`.
        again: What to do when a shard is missing or damaged, a sentence.
    """

    def __init__(self, path: Path, again: str) -> None:
        self.path, self.again = path, again
        self._stamp = stamp(path / "index.json")
        self._open: dict[str, ArrayFile] = {}
        self._sound: dict[str, set[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_sound": {}}

    def __getitem__(self, name: str) -> ArrayFile:
        """Return a shard by its file name.

        Raises:
            DataError: It is missing, damaged or out of the folder; or the dataset was made again.
        """
        if name not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            file = inside(self.path, name)
            refuse_changed(self.path / "index.json", self._stamp)
            # what was compared once is not read whole again each time that its shard has had to make room for others
            self._open[name] = ArrayFile(file, self.again, self._sound.setdefault(name, set()))
        return self._open[name]


class _Damaged(ValueError):
    """Say what is wrong with a file."""
