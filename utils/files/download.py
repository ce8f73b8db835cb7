"""Fetch a file from an address: what comes is bounded, and is what was expected."""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files.digests import sha256
from utils.files.zips import open_zip

CONNECT_S, READ_S = 5, 60
"""How long a server may take to answer at all, and between two parts of what it sends."""
OTHER = "what came is not the file expected (SHA-256)"


class _Bounded(io.FileIO):
    """A file that takes no more than `most` bytes: a server may go on without end, or send what unpacks to more."""

    most = 0

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self.most:
            raise OSError(f"more than {self.most / 1e6:.0f} MB came")
        return super().write(data) or 0


def fetch_file(url: str, target: Path, digest: str | None, most: int) -> None:
    """Fetch at most `most` bytes into a file that is not there yet, showing progress.

    Args:
        digest: Its SHA-256, where it is known.

    Raises:
        DataError: Why not: the reason alone.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    fetch = pooch.HTTPDownloader(progressbar=True, timeout=(CONNECT_S, READ_S))

    def bounded(address: str, output_file: str, mup: Any) -> None:
        with _Bounded(output_file, "wb") as out:
            out.most = most
            fetch(address, out, mup)

    known = f"sha256:{digest}" if digest else None
    try:
        pooch.retrieve(url, known, fname=target.name, path=target.parent, downloader=bounded)
    except (OSError, requests.RequestException) as error:
        raise DataError(str(error).splitlines()[0]) from error
    except ValueError as error:
        raise DataError(OTHER) from error


def fetch_member(url: str, member: str, target: Path, digest: str | None, most: int) -> None:
    """Fetch a zip and keep one member of it; as above."""
    archive = target.with_name(target.name + ".zip")
    fetch_file(url, archive, None, most)
    try:
        with open_zip(archive) as opened:
            if (size := opened.getinfo(member).file_size) > most:
                raise zipfile.BadZipFile(f"{member} would have {size:,} bytes")
            target.write_bytes(opened.read(member))
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"the archive is not the one expected ({error})") from error
    archive.unlink()
    if digest is not None and sha256(target) != digest:
        raise DataError(OTHER)


def published_digest(url: str) -> str | None:
    """Return the SHA-256 that a server publishes for a file, where it does."""
    import requests

    try:
        tag = requests.head(url, timeout=(CONNECT_S, READ_S)).headers.get("X-Linked-Etag", "").strip('"')
    except requests.RequestException:
        return None
    return tag if len(tag) == 64 else None
