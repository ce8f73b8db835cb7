"""What may be asked about uploads."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import get_args

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from tasks.person.page.guard import Refused
from tasks.person.studio.answers import Ask, Row
from tasks.person.studio.schemas import TEXT, NewUpload, Purpose, Upload, Uploads
from tasks.person.studio.studio import Studio
from tasks.person.studio.uploads import CHUNK, FORM, LIMITS

FORM_EXTRA = 1 << 16
"""Bytes of a form besides the file."""
BLOCK = 1 << 18


def limits(studio: Studio, ask: Ask) -> dict[str, int]:
    """Say how large what may be."""
    return {**LIMITS, "chunk": CHUNK, "form": FORM, "text": TEXT, "free": shutil.disk_usage(studio.folder).free}


def begin(studio: Studio, ask: Ask) -> Upload:
    """Begin an upload."""
    asked: NewUpload = ask.body
    return studio.uploads.show(studio.uploads.begin(asked.name, asked.bytes, asked.purpose))


def every(studio: Studio, ask: Ask) -> Uploads:
    """List uploads."""
    return Uploads(uploads=[studio.uploads.show(note) for note in studio.uploads.every()])


def one(studio: Studio, ask: Ask) -> Upload:
    """Say how far an upload is."""
    return studio.uploads.show(studio.uploads.get(ask.part("upload")))


async def piece(studio: Studio, ask: Ask) -> Upload:
    """Take the next piece."""
    note = studio.uploads.get(ask.part("upload"))
    if note.about is not None:
        raise Refused(409, f"{note.name} is here as a whole")
    await studio.uploads.receive(note, ask.number("offset"), ask.request.stream())
    note = await run_in_threadpool(studio.uploads.finish, note)
    return studio.uploads.show(note)


async def form(studio: Studio, ask: Ask) -> Upload:
    """Take a small file as a form."""
    length = ask.request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit():
        raise Refused(411, "say how long the form is (Content-Length)")
    if len(length) > 15 or int(length) > FORM + FORM_EXTRA:
        raise Refused(413, f"a form has {FORM / 1e6:g} MB at most: send a larger file in pieces")
    if not ask.request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refused(415, "send a form (multipart/form-data) with `file` and `purpose`")
    studio.uploads.refuse_full(2 * int(length))  # the form is kept aside while it arrives
    async with ask.request.form(max_files=1, max_fields=5) as fields:
        file, purpose = fields.get("file"), str(fields.get("purpose", "sound"))
        if not isinstance(file, UploadFile) or purpose not in get_args(Purpose):
            raise Refused(422, f"a form has `file`, and `purpose`: {', '.join(get_args(Purpose))}")
        note = studio.uploads.begin(file.filename or "file", file.size or 0, purpose)  # type: ignore[arg-type]

        async def blocks() -> AsyncIterator[bytes]:
            while block := await file.read(BLOCK):
                yield block

        try:
            await studio.uploads.receive(note, 0, blocks(), most=FORM)
            return studio.uploads.show(await run_in_threadpool(studio.uploads.finish, note))
        except Refused:
            studio.uploads.delete(note.id)
            raise


def delete(studio: Studio, ask: Ask) -> None:
    """Delete an upload."""
    studio.uploads.delete(studio.uploads.get(ask.part("upload")).id)


ROWS: tuple[Row, ...] = (
    Row("GET", "/api/limits", limits, "say how large uploads and texts may be, in bytes and characters"),
    Row("POST", "/api/uploads", begin, "begin an upload that arrives in pieces", NewUpload, Upload, 201),
    Row("GET", "/api/uploads", every, "list uploads that are not used yet", gives=Uploads),
    Row("POST", "/api/uploads/form", form, "send a small file as a form: `file`, `purpose`", gives=Upload, status=201),
    Row("GET", "/api/uploads/{upload}", one, "say how far an upload is", gives=Upload),
    Row("PATCH", "/api/uploads/{upload}", piece, "send the next piece (application/octet-stream)", gives=Upload,
        query={"offset": "where it goes on, in bytes"}),
    Row("DELETE", "/api/uploads/{upload}", delete, "delete an upload", gives=None),
)  # fmt: skip
