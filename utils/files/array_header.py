"""What the header of a safetensors file says, kept small, so that a thousand of them may be remembered."""

from __future__ import annotations

import json
import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
CODES = tuple(DTYPES)
MOST_SIDES, MOST_NUMBERS = 32, 1 << 48


class Damaged(ValueError):
    """Say what is wrong with a file."""


class Entry(NamedTuple):
    """Where an array lies: its type as numpy writes it, its shape, its first byte after the header, its checksum."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    checksum: int | None


class Header:
    """The arrays of one file, by name.

    Python's own dictionaries and tuples would take ten times the memory.

    Args:
        text: The header, JSON.
        body: Bytes before the first array.
        size: Bytes of the file.

    Raises:
        Damaged: What it says makes no sense; or another error of reading JSON and numbers.
    """

    def __init__(self, text: bytes, body: int, size: int) -> None:
        self.body = body
        header = json.loads(text)
        metadata = header.pop("__metadata__", {})
        self.metadata: dict[str, str] = {str(name): str(value) for name, value in metadata.items()}
        sums: Mapping[str, str] = dict(json.loads(self.metadata.pop("crc32", "{}")))
        if metadata and set(sums) != set(header):
            raise Damaged("its checksums are missing, or of other arrays")
        rows = sorted((name.encode(), rank, name) for rank, name in enumerate(header))
        self._ranks = array("I", bytes(4 * len(rows)))
        self._names, self._ends = b"".join(name for name, _, _ in rows), array("I", [0])
        self._codes, self._starts, self._sides, self._shape_ends = bytearray(), array("q"), array("q"), array("I", [0])
        self._sums = array("I") if sums else None
        self.sound = bytearray(len(rows))
        """1 for every array whose checksum was compared."""
        for number, (encoded, rank, name) in enumerate(rows):
            dtype, shape, start = _entry(name, header[name], size - body)
            self._ranks[rank] = number
            self._ends.append(self._ends[-1] + len(encoded))
            self._codes.append(CODES.index(dtype))
            self._starts.append(start)
            self._sides.extend(shape)
            self._shape_ends.append(len(self._sides))
            if self._sums is not None:
                self._sums.append(int(sums[name], 16))

    @property
    def names(self) -> list[str]:
        """List the arrays in the file's order."""
        return [self._name(number).decode() for number in self._ranks]

    def find(self, name: str) -> int | None:
        """Return the number of an array, None when there is none of that name."""
        encoded = name.encode()
        number = bisect_left(range(len(self._starts)), encoded, key=self._name)
        return number if number < len(self._starts) and self._name(number) == encoded else None

    def entry(self, number: int) -> Entry:
        """Return where array `number` lies."""
        shape = tuple(self._sides[self._shape_ends[number] : self._shape_ends[number + 1]])
        checksum = None if self._sums is None else self._sums[number]
        return Entry(DTYPES[CODES[self._codes[number]]], shape, self._starts[number], checksum)

    def _name(self, number: int) -> bytes:
        return self._names[self._ends[number] : self._ends[number + 1]]


def _entry(name: str, entry: Mapping[str, object], room: int) -> tuple[str, tuple[int, ...], int]:
    shape = tuple(int(side) for side in entry["shape"])  # type: ignore[attr-defined]
    start, stop = (int(place) for place in entry["data_offsets"])  # type: ignore[attr-defined]
    dtype = str(entry["dtype"])
    if len(shape) > MOST_SIDES or math.prod(max(side, 1) for side in shape) >= MOST_NUMBERS:
        raise Damaged(f"the shape of {name} in it makes no sense")  # zeros beside such sides are refused too
    wide = np.dtype(DTYPES[dtype]).itemsize * math.prod(shape)
    if min((*shape, start)) < 0 or stop - start != wide:
        raise Damaged(f"the place of {name} in it makes no sense")
    if stop > room:
        raise Damaged("it is cut off")
    return dtype, shape, start
