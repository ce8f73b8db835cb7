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
from utils.files.array_header import Damaged, Header
from utils.files.digests import inside, refuse_changed, stamp

_BLOCK, _LONGEST_READ = 1 << 20, 1 << 24
_SEEKING = threading.Lock()
_LONGEST_HEADER = 100_000_000
MOST_OPEN = 128
"""Shards of a dataset that are held open at once."""
MOST_KEPT = 1000
"""Shards whose headers are remembered, so that they are opened again in no time: some 100 kB for 500 clips."""


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

    Raises:
        DataError: It is missing or damaged.
    """

    def __init__(self, path: Path, again: str) -> None:
        self.path, self.again = path, again
        self._stamp = (0, 0, 0)
        self.open()

    def open(self) -> None:
        """Open the file, again after `close`; its header is read anew only when it is not the file it was."""
        try:
            self._handle = self.path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read ({error.strerror}). {self.again}") from None
        try:
            now = stamp(self.path)
            if now != self._stamp:
                self._header = self._read_header()
                self._stamp = now
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            self.close()
            reason = str(error) if isinstance(error, Damaged) else "its header makes no sense"
            raise DataError(f"{self.path} is damaged: {reason}. {self.again}") from None

    def _read_header(self) -> Header:
        size = self.path.stat().st_size
        length = int.from_bytes(self._handle.read(8), "little")
        if 8 + length > size:
            raise Damaged("it is cut off")
        if length > _LONGEST_HEADER:
            raise Damaged("its header is too long")
        return Header(self._handle.read(length), 8 + length, size)

    @property
    def metadata(self) -> dict[str, str]:
        """Return what the file says besides its arrays and their checksums."""
        return self._header.metadata

    @property
    def names(self) -> list[str]:
        """List the arrays."""
        return self._header.names

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array without reading it."""
        return self._header.entry(self._number(name)).shape

    def rows(self, name: str, start: int = 0, stop: int | None = None, *, check: bool = True) -> Numbers:
        """Read rows [start, stop) of an array, as many as there are.

        Args:
            check: False leaves the checksum of the array alone: the caller has a finer one.

        Raises:
            DataError: There is no such array, or its bytes are not those that were written.
        """
        number = self._number(name)
        dtype, shape, place, checksum = self._header.entry(number)
        unsure = check and checksum is not None and not self._header.sound[number]
        most = shape[0] if shape else 1  # a single number is one row
        start, stop, _ = slice(start, stop).indices(most)
        whole = (start, stop) == (0, most)
        if unsure and not whole:
            self._verify(name, number)
        values = np.empty((max(0, stop - start), *shape[1:]), dtype)
        width = values.itemsize * math.prod(shape[1:])
        self._fill(values.reshape(-1).view(np.uint8), place + start * width)
        if unsure and whole:  # compared as it was read, instead of reading it twice
            self._compare(name, number, int(crc32(name, values.reshape(shape)), 16))
        return values

    def _number(self, name: str) -> int:
        number = self._header.find(name)
        if number is None:
            raise DataError(f"{self.path} has no array {name}. {self.again}")
        return number

    def _verify(self, name: str, number: int) -> None:
        dtype, shape, place, _ = self._header.entry(number)
        left = np.dtype(dtype).itemsize * math.prod(shape)
        block, checksum = np.empty(min(left, _BLOCK), np.uint8), _begin(name, np.dtype(dtype), shape)
        while left:
            piece = block[: min(left, _BLOCK)]
            self._fill(piece, place)
            checksum = zlib.crc32(piece.data, checksum)
            left, place = left - len(piece), place + len(piece)
        self._compare(name, number, checksum)

    def _compare(self, name: str, number: int, checksum: int) -> None:
        if checksum != self._header.entry(number).checksum:
            raise DataError(f"{self.path} is damaged: the numbers of {name} are not those written. {self.again}")
        self._header.sound[number] = 1

    def _fill(self, view: Bytes, place: int) -> None:
        done = 0
        while done < len(view):
            got = self._read(self._header.body + place + done, min(len(view) - done, _LONGEST_READ))
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

    What the header of a closed one said is remembered, of so many: reading it is most of the work of opening.

    Make it before reading `index.json`: a shard is refused when the index is no longer the one that was there then.

    Args:
        path: Folder of the shards and `index.json`.
        again: What to do when a shard is missing or damaged, a sentence.
    """

    def __init__(self, path: Path, again: str) -> None:
        self.path, self.again = path, again
        self._stamp = stamp(path / "index.json")
        self._kept: dict[str, ArrayFile] = {}
        self._open: dict[str, ArrayFile] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_kept": {}}

    def __getitem__(self, name: str) -> ArrayFile:
        """Return a shard by its file name.

        Raises:
            DataError: It is missing, damaged or out of the folder; or the dataset was made again.
        """
        if name not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            refuse_changed(self.path / "index.json", self._stamp)
            if name in self._kept:
                self._kept[name].open()
            else:
                if len(self._kept) >= MOST_KEPT:  # the oldest of those that are closed
                    self._kept.pop(next(kept for kept in self._kept if kept not in self._open))
                self._kept[name] = ArrayFile(inside(self.path, name), self.again)
            self._open[name] = self._kept[name]
        return self._open[name]
