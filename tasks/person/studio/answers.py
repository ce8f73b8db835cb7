"""Turn a request into what a function needs, and what it returns or refuses into an answer."""

from __future__ import annotations

import inspect
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from tasks.person.page.guard import Refused, failure
from tasks.person.studio.schemas import PERSON, UPLOAD
from utils.command import plain
from utils.errors import UserError

log = logging.getLogger("vizeme")
MOST_BODY = 1 << 20
"""Bytes of a body of JSON."""
PARTS = {"person": PERSON, "upload": UPLOAD, "job": r"^\d{14}-[0-9a-f]{8}$", "index": r"^\d{1,9}$"}
"""How the parts of an address may look: what looks otherwise is not there, whatever it would lead to."""


class RefusedFields(Refused):
    """A request whose values are to be mended.

    Args:
        fields: Name -> what is wrong.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(422, "; ".join(f"{name}: {text}" for name, text in fields.items()))
        self.fields = dict(fields)


class RefusedOffset(Refused):
    """A piece of a file that is not the next one."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(409, reason)
        self.offset = offset


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        request: As it came.
        body: What it says, by the schema of its row.
    """

    request: Request
    body: Any = None

    def part(self, name: str) -> str:
        """Return a part of the address: who, which."""
        return str(self.request.path_params[name])

    def word(self, name: str, default: str = "") -> str:
        """Return a word after the `?`."""
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int = 0) -> int:
        """Return a whole number after the `?`.

        Raises:
            Refused: It is none.
        """
        text = self.word(name, str(default))
        if not re.fullmatch(r"\d{1,15}", text, re.ASCII):
            raise Refused(400, f"{name}={text[:40]}: write a whole number")
        return int(text)


@dataclass(frozen=True)
class Row:
    """One row of the table of what may be asked.

    Attributes:
        method, path: Of the request.
        run: Called with the studio and the `Ask`; when it is no coroutine, in a thread.
        says: One line.
        takes: Schema of the body.
        gives: Schema of the answer; a string names another kind of content; None is none.
        status: Of a good answer.
        query: Name -> what it means.
    """

    method: str
    path: str
    run: Callable[..., Any]
    says: str
    takes: type[BaseModel] | None = None
    gives: type[BaseModel] | str | None = "application/json"
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)


def endpoint(studio: Any, row: Row) -> Callable[[Request], Any]:
    """Return what Starlette calls for a row."""

    async def answer(request: Request) -> Response:
        began = time.monotonic()
        try:
            for name, text in request.path_params.items():
                if name in PARTS and not re.fullmatch(PARTS[name], text, re.ASCII):
                    raise Refused(404, "there is nothing here")
            ask = Ask(request, await _body(request, row.takes) if row.takes else None)
            if inspect.iscoroutinefunction(row.run):
                result = await row.run(studio, ask)
            else:
                result = await run_in_threadpool(row.run, studio, ask)
            return _answer(result, row.status)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return _refusal(error, studio.place)
        finally:
            log.debug("%s %s %.3f s", request.method, request.url.path, time.monotonic() - began)

    return answer


async def read_all(request: Request, most: int) -> bytes:
    """Return the body of a request.

    Raises:
        Refused: It is larger than `most` bytes.
    """
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > most:
            raise Refused(413, f"a request has {most} bytes at most")
    return bytes(body)


async def _body(request: Request, schema: type[BaseModel]) -> BaseModel:
    raw = await read_all(request, MOST_BODY)
    if not raw and all(not info.is_required() for info in schema.model_fields.values()):
        raw = b"{}"
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw != b"{}" and kind != "application/json":
        raise Refused(415, "send JSON (Content-Type: application/json)")
    try:
        return schema.model_validate_json(raw)
    except ValidationError as error:
        raise RefusedFields({_name(one["loc"]): one["msg"] for one in error.errors()[:20]}) from None


def _name(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place))[:100] or "body"


def _answer(result: Any, status: int) -> Response:
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=204)
    if isinstance(result, BaseModel):
        result = result.model_dump(mode="json")
    return JSONResponse(result, status)


def _refusal(error: Exception, place: Path) -> Response:
    """Say what went wrong, in one line that names no place outside the home."""
    if isinstance(error, Refused):
        more = {"fields": error.fields} if isinstance(error, RefusedFields) else {}
        more |= {"offset": error.offset} if isinstance(error, RefusedOffset) else {}  # type: ignore[dict-item]
        return JSONResponse({"error": str(error), **more}, error.status)
    if isinstance(error, UserError):
        return JSONResponse({"error": plain(str(error)).replace(f"{place}/", "")}, 422)
    if isinstance(error, FileNotFoundError):  # deleted, or taken over, while it was looked at
        return JSONResponse({"error": "what was asked for is gone meanwhile"}, 404)
    status, reason = failure(error)
    return JSONResponse({"error": reason}, status)


def file_answer(path: Path, kind: str, ask: Ask, name: str = "") -> FileResponse:
    """Answer with a file, or the range of it that is asked for; with `?download=1` to be kept under `name`.

    Raises:
        Refused: It is not there.
    """
    if not path.is_file() or path.is_symlink():
        raise Refused(404, "there is no such file")
    wanted = ask.word("download") not in ("", "0")
    return FileResponse(path, media_type=kind, filename=(name or path.name) if wanted else None)

