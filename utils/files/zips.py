"""Open a zip that anybody may have made: its table of contents, which is read whole, has an end."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_TABLE = 8 << 20
"""Bytes of a table of contents: that of a checkpoint has about 100 a tensor. Opened, one takes ten times its size."""


class _Bounded(io.BufferedReader):
    """A file of which no more than `most` bytes are read at once."""

    most = MOST_TABLE

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.most:
            raise zipfile.BadZipFile(f"it lists more parts than any has: {size} bytes of names")
        return super().read(size)


@contextmanager
def open_zip(path: str | Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip to read.

    Raises:
        BadZipFile: It is none, is damaged, or has a table of contents of more than `MOST_TABLE` bytes.
    """
    with _Bounded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
        file.most = sys.maxsize
        yield archive
