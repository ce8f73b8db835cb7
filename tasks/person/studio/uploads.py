"""Files that arrive in pieces: each goes on where it broke off, also after the server was away."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from data_gen.video.job import SHORTEST_S
from tasks.person.page.guard import Refused, is_sound
from tasks.person.studio.answers import RefusedOffset
from tasks.person.studio.jobs.store import PICTURES, SOUNDS, TEMPLATES
from tasks.person.studio.schemas import UPLOAD, Purpose, Upload
from utils.errors import DataError
from utils.files.aside import make_folder
from utils.files.ownership import Made, is_plain_file
from utils.files.tables import read_json, write_json
from utils.media.header import read_header
from utils.media.sound_source import refuse_without_sound
from utils.media.video import probe

LIMITS: dict[str, int] = {"film": 20 * 10**9, "sound": 500 * 10**6, "pack": 20 * 10**9, "picture": 50 * 10**6,
                          "template": 50 * 10**6}  # fmt: skip
CHUNK = 16 << 20
FORM = 200 * 10**6
"""The largest that may come as a form, in one request."""
SPARE = 500 * 10**6
"""Room on the disk that uploads leave to others."""
MOST_UPLOADS = 50
KEPT_S = 7 * 86400.0
"""What was begun or sent and not used is deleted after so long, when the server starts."""
SUFFIXES = {
    "film": (".mp4", ".mov", ".mkv", ".webm", ".avi"), "sound": SOUNDS, "pack": (".vizeme",), "picture": PICTURES,
    "template": TEMPLATES,
}  # fmt: skip
CONTENT = "content"
START = 16
ONE = Made(
    frozenset({"upload.json", *(CONTENT + suffix for suffixes in SUFFIXES.values() for suffix in (*suffixes, ".bin"))}),
    marker="upload.json", says=("format", "vizeme-studio-upload"),
)  # fmt: skip


def is_film(start: bytes) -> bool:
    """Tell by its first 16 bytes whether a file is mp4, mov, mkv, webm, avi, ogg or an MPEG stream."""
    boxes = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
    riff = start[:4] == b"RIFF" and start[8:12] == b"AVI "
    return start[4:8] in boxes or riff or start.startswith((b"\x1aE\xdf\xa3", b"OggS", b"\0\0\1\xba", b"\x47\x40"))


def is_picture(start: bytes) -> bool:
    """Tell by its first 16 bytes whether a file is png, jpeg or webp."""
    return start.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (
        start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    )


def is_template(start: bytes) -> bool:
    """Tell by its first 16 bytes whether a file is .npy, or plain text as .csv and .b64 are."""
    return start.startswith(b"\x93NUMPY") or all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start)


KINDS = {
    "film": (is_film, "a film (mp4, mov, mkv, webm, avi, mpeg)"),
    "sound": (lambda start: is_sound(start) or is_film(start),
              "a sound (wav, mp3, flac, ogg, m4a, webm, aiff, aac) or a film"),
    "pack": (lambda start: start.startswith(b"PK\x03\x04"), "a packed person (.vizeme)"),
    "picture": (is_picture, "a picture (png, jpg, webp)"),
    "template": (is_template, "a template (.npy, .csv, .b64)"),
}  # fmt: skip
"""Purpose -> how its files begin, and what they are called."""


class Note(BaseModel):
    """What `upload.json` holds."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["vizeme-studio-upload"] = "vizeme-studio-upload"
    id: str
    name: str
    purpose: Purpose
    bytes: int
    time: float
    about: dict[str, Any] | None = None
    """Set when all of it is here and is what it should be."""


class Uploads:
    """Keep files that arrive, each in a folder of its own: `upload.json` and `content.<suffix>`.

    Args:
        folder: Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.busy: set[str] = set()
        """Those of which a piece is arriving."""
        make_folder(folder)
        for note in self.every():
            if time.time() - note.time > KEPT_S:
                self.delete(note.id)

    def get(self, name: str) -> Note:
        """Return the note of an upload.

        Raises:
            Refused: There is none of this id.
        """
        try:
            if not re.fullmatch(UPLOAD, name, re.ASCII):
                raise ValueError
            return Note.model_validate(read_json(self.folder / name / "upload.json"))
        except (DataError, ValueError):
            raise Refused(404, "there is no such upload: it was used, deleted, or not used for a week") from None

    def every(self) -> list[Note]:
        """List all uploads, newest first."""
        notes = []
        for path in self.folder.iterdir():
            try:
                notes.append(self.get(path.name))
            except Refused:
                continue
        return sorted(notes, key=lambda note: note.time, reverse=True)

    def content(self, note: Note) -> Path:
        """Return where the bytes of an upload lie."""
        suffix = Path(note.name).suffix.lower()
        return self.folder / note.id / (CONTENT + (suffix if suffix in SUFFIXES[note.purpose] else ".bin"))

    def offset(self, note: Note) -> int:
        """Return how many bytes of an upload are here."""
        file = self.content(note)
        return file.stat().st_size if is_plain_file(file) else 0

    def show(self, note: Note) -> Upload:
        """Return an upload as it is answered."""
        data = note.model_dump(include={"id", "name", "purpose", "bytes", "about"})
        return Upload(**data, offset=self.offset(note), done=note.about is not None)

    def begin(self, name: str, size: int, purpose: Purpose) -> Note:
        """Make the folder of a new upload.

        Raises:
            Refused: It is too large, or there is no room for it.
        """
        if size < START:
            raise Refused(422, f"{name[:80]} is empty, or nearly")
        if size > LIMITS[purpose]:
            most = f"{LIMITS[purpose] / 1e6:,.0f} MB"
            raise Refused(413, f"{KINDS[purpose][1]} has {most} at most; this has {size / 1e6:,.0f} MB")
        notes = self.every()
        if len(notes) >= MOST_UPLOADS:
            raise Refused(409, f"{len(notes)} files were sent and not used: delete some (DELETE /api/uploads/ID)")
        coming = sum(note.bytes - self.offset(note) for note in notes)
        self.refuse_full(size + coming)
        name = re.sub(r"[^\w .()+-]", "_", Path(name.replace("\\", "/")).name)[-120:] or "file"
        note = Note(id=secrets.token_hex(8), name=name, purpose=purpose, bytes=size, time=time.time())
        make_folder(self.folder / note.id)
        self._write(note)
        return note

    def refuse_full(self, size: int) -> None:
        """Refuse what the disk has no room for; `Refused` with 507."""
        free = shutil.disk_usage(self.folder).free - SPARE
        if size > free:
            room = f"{max(0, free) / 1e9:.2f} GB"
            raise Refused(507, f"{size / 1e9:.2f} GB do not fit: {room} are free here. Free some room")

    def _write(self, note: Note) -> None:
        write_json(self.folder / note.id / "upload.json", note.model_dump(mode="json"))

    async def receive(self, note: Note, offset: int, blocks: AsyncIterable[bytes], most: int = CHUNK) -> None:
        """Add a piece; what arrived of a piece that breaks off is kept.

        Raises:
            Refused: It is not the next one, is too long, or the file is not what it should be (which is then deleted).
        """
        here = self.offset(note)
        if offset != here:
            raise RefusedOffset(here, f"{here} bytes are here: go on from there")
        with self._alone(note), self.content(note).open("ab") as file:
            size, checked = here, here >= START
            async for block in blocks:
                if size + len(block) > note.bytes or size + len(block) - here > most:
                    raise Refused(413, f"a piece has {most} bytes at most, and this file {note.bytes} in all")
                file.write(block)
                size += len(block)
                if not checked and size >= START:
                    file.flush()
                    self._refuse_other(note)
                    checked = True

    @contextmanager
    def _alone(self, note: Note) -> Any:
        if note.id in self.busy:
            raise RefusedOffset(self.offset(note), "another piece of this file is arriving")
        self.busy.add(note.id)
        try:
            yield
        finally:
            self.busy.discard(note.id)

    def _refuse_other(self, note: Note) -> None:
        with self.content(note).open("rb") as file:
            start = file.read(START)
        known, called = KINDS[note.purpose]
        if not known(start):
            self.delete(note.id)
            raise Refused(415, f"{note.name} is not {called}")

    def finish(self, note: Note) -> Note:
        """Look at a file of which all bytes are here, and note what it is.

        Raises:
            Refused: It cannot be used, and is deleted.
        """
        if note.about is not None or self.offset(note) < note.bytes:
            return note
        try:
            about = self._look(note)
        except DataError as error:
            reason = str(error).replace(str(self.content(note)), note.name)
            self.delete(note.id)
            raise Refused(415, reason) from None
        kept = note.model_copy(update={"about": about})
        self._write(kept)
        return kept

    def _look(self, note: Note) -> dict[str, Any]:
        file = self.content(note)
        if note.purpose == "film":
            info = probe(file)
            refuse_without_sound(file)
            if 0 < info.duration_s < SHORTEST_S:
                raise DataError(f"{note.name} is {info.duration_s:.1f} s long: a minute or more is good")
            return {"seconds": round(info.duration_s, 2), "width": info.width, "height": info.height,
                    "fps": round(info.fps, 3), "sound": info.has_audio}  # fmt: skip
        if note.purpose == "sound":
            refuse_without_sound(file)
            return {"seconds": round(read_header(file).duration_s, 2)}
        return {}

    def whole(self, name: str, *purposes: str) -> tuple[Note, Path]:
        """Return an upload that is here as a whole, and its file.

        Raises:
            Refused: It is not, or was sent for something else.
        """
        note = self.get(name)
        if note.purpose not in purposes:
            raise Refused(409, f"{note.name} was sent as a {note.purpose}, not as a {' or a '.join(purposes)}")
        if note.about is None:
            raise Refused(409, f"{note.name} has not arrived as a whole: {self.offset(note)} of {note.bytes} bytes")
        return note, self.content(note)

    def take(self, note: Note, target: Path) -> None:
        """Move an upload's file to where it is used, and forget the upload."""
        os.replace(self.content(note), target)
        self.delete(note.id)

    def delete(self, name: str) -> None:
        """Delete an upload."""
        ONE.delete(self.folder / name)


assert set(get_args(Purpose)) == set(LIMITS) == set(SUFFIXES) == set(KINDS)
