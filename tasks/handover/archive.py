"""A zip that is written the same every time, and read as a stranger's: names, sizes and digests are checked first."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from tasks.handover.manifest import MANIFEST, MOST, Manifest, Member
from utils.errors import DataError
from utils.files.digests import sha256
from utils.files.zips import open_zip

_WHEN = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip knows: when something was packed is no part of what it is."""
BLOCK = 1 << 20


def member_of(file: Path) -> Member:
    """Measure a file that becomes a member."""
    return Member(bytes=file.stat().st_size, sha256=sha256(file))


def write_archive(target: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Write the manifest and its members, in the order of their names, stored as they are."""
    text = (manifest.model_dump_json(indent=1) + "\n").encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(MANIFEST), text)
        for name in sorted(files):
            with archive.open(_entry(name), "w", force_zip64=True) as into, files[name].open("rb") as source:
                shutil.copyfileobj(source, into, BLOCK)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.create_system, entry.external_attr = 3, 0o100644 << 16
    return entry


class Archive:
    """Read a pack that anybody may have made.

    Nothing is written by a name that stands in it: members are asked for by the names of `MOST`.

    Attributes:
        manifest: What it says of itself; it names every member, and no other lies in the zip.
    """

    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self.path, self._zip = path, opened
        self._entries = self._checked()
        self.manifest = self._read_manifest()

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            name = entry.orig_filename
            if name not in MOST:
                raise self._wrong(f"it holds {name[:100]!r}, which no pack does")
            if name in entries:
                raise self._wrong(f"it holds {name} twice")
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise self._wrong(f"{name} is compressed or encrypted; members are stored as they are")
            if entry.file_size > MOST[name] or entry.file_size != entry.compress_size:
                raise self._wrong(f"{name} says that it holds {entry.file_size} bytes")
            entries[name] = entry
        if sum(entry.file_size for entry in entries.values()) > self.path.stat().st_size:
            raise self._wrong("its members are larger than itself")
        return entries

    def _read_manifest(self) -> Manifest:
        if MANIFEST not in self._entries:
            raise self._wrong(f"{MANIFEST} is missing")
        with self._zip.open(self._entries[MANIFEST]) as packed:
            text = packed.read(MOST[MANIFEST] + 1)
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])[:100]
            raise self._wrong(f"{MANIFEST}: {where}: {first['msg'][:200].lower()}") from None
        if set(manifest.members) != set(self._entries) - {MANIFEST}:
            raise self._wrong(f"{MANIFEST} names other members than there are")
        for name, member in manifest.members.items():
            if member.bytes != self._entries[name].file_size:
                raise self._wrong(f"{name} has {self._entries[name].file_size} bytes, not {member.bytes}")
        return manifest

    def copy_out(self, name: str, target: Path) -> None:
        """Write one member to a file that does not exist yet, and see that it is what the manifest says.

        Raises:
            DataError: It is not; the file is then gone.
        """
        digest, left = hashlib.sha256(), self.manifest.members[name].bytes
        with target.open("xb") as into:
            try:
                with self._zip.open(self._entries[name]) as packed:
                    while left and (block := packed.read(min(BLOCK, left))):
                        digest.update(block)
                        into.write(block)
                        left -= len(block)
                if left or digest.hexdigest() != self.manifest.members[name].sha256:
                    raise self._wrong(f"{name} is not what was packed (SHA-256)")
            except BaseException:
                target.unlink()
                raise

    def _wrong(self, reason: str) -> DataError:
        return _wrong(self.path, reason)


def _wrong(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is no sound pack: {reason}. Nothing was unpacked; fetch it again, or ask who made it.")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a pack.

    Raises:
        DataError: It is none, or is damaged.
    """
    try:
        with open_zip(path) as opened:
            yield Archive(path, opened)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError) and "zip" not in str(error):
            raise
        raise _wrong(path, " ".join(str(error).split())[:200] or "it ends early") from None
