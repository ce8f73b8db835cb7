"""What may be asked about jobs: how they stand, what they say, what came of them; the same for every tab that looks."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from tasks.person.page.guard import Refused
from tasks.person.studio.answers import Ask, Row, file_answer
from tasks.person.studio.jobs.store import ENDS, FILES, JOB, LIVE_FILM, Job
from tasks.person.studio.schemas import JobList, JobShown
from tasks.person.studio.studio import Studio

LOOK_S, SAY_S, ALIVE_S = 0.2, 0.5, 15.0
"""How often files are looked at, how often progress of all jobs is told, and how long nothing may be said."""
BLOCK = 1 << 16
MOST_LOG = 256_000
TYPES = {".vtt": "text/vtt", ".vizeme": "application/zip", ".txt": "text/plain; charset=utf-8", ".mp4": "video/mp4"}


def every(studio: Studio, ask: Ask) -> JobList:
    """List jobs."""
    jobs = studio.jobs.every(ask.word("person"), ask.word("kind"))
    return JobList(jobs=[studio.show(job) for job in jobs])


def _job(studio: Studio, ask: Ask) -> Job:
    return studio.jobs.get(ask.part("job"))


async def one(studio: Studio, ask: Ask) -> JobShown:
    """Say how a job stands."""
    return studio.show(_job(studio, ask))


async def stop(studio: Studio, ask: Ask) -> JobShown:
    """Stop a job."""
    job = _job(studio, ask)
    studio.foreman.stop(job)
    return studio.show(job)


async def resume(studio: Studio, ask: Ask) -> JobShown:
    """Let a job go on."""
    job = _job(studio, ask)
    studio.foreman.resume(job)
    return studio.show(job)


async def delete(studio: Studio, ask: Ask) -> None:
    """Delete a job."""
    studio.jobs.delete(_job(studio, ask))


def said(studio: Studio, ask: Ask) -> Response:
    """Return what a job's command said, from a byte on."""
    offset = ask.number("offset")
    file = studio.jobs.folder_of(_job(studio, ask)) / FILES["log"][0]
    text = b""
    if file.is_file():
        with file.open("rb") as opened:
            opened.seek(offset)
            text = opened.read(MOST_LOG)
    headers = {"X-Next-Offset": str(offset + len(text))}
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)


def result(studio: Studio, ask: Ask) -> Response:
    """Return a file that a job made."""
    job, name = _job(studio, ask), ask.part("name")
    path = next((path for path in studio.jobs.files(job).values() if path.name == name), None)
    if path is None or name not in JOB.names:
        raise Refused(404, "the job has no such file")
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    title = re.sub(r"[^\w-]+", "-", job.title)[:40].strip("-")
    stem = "-".join(part for part in (job.person, title if path.stem == "film" else path.stem) if part)
    return file_answer(path, kind, ask, (job.person if path.suffix == ".vizeme" else stem) + path.suffix)


async def live(studio: Studio, ask: Ask) -> Response:
    """Stream a film while it is drawn."""
    job = _job(studio, ask)
    file = studio.jobs.folder_of(job) / LIVE_FILM
    while not file.is_file() or file.stat().st_size == 0:
        if job.state in ENDS or studio.stopping:
            raise Refused(404, "nothing is being drawn: the film is among the job's files when it is done")
        await asyncio.sleep(LOOK_S)
    return StreamingResponse(_growing(studio, job), media_type="video/mp4")


async def _growing(studio: Studio, job: Job) -> AsyncIterator[bytes]:
    """Yield a file's bytes as they are added, until its job ends; what was deleted meanwhile is read to its end."""
    with (studio.jobs.folder_of(job) / LIVE_FILM).open("rb") as file:
        number = os.fstat(file.fileno()).st_ino
        while not studio.stopping:
            over = job.state in ENDS
            while block := file.read(BLOCK):
                yield block
                await asyncio.sleep(0)
            if over or _number(studio, job) not in (0, number):  # it is drawn anew
                return
            await asyncio.sleep(LOOK_S)


def _number(studio: Studio, job: Job) -> int:
    try:
        return (studio.jobs.folder_of(job) / LIVE_FILM).stat().st_ino
    except OSError:
        return 0


async def follow(studio: Studio, ask: Ask) -> Response:
    """Send a job's events as they come."""
    job = _job(studio, ask)
    last = ask.request.headers.get("last-event-id") or ask.word("offset", "0")
    if last.endswith(".end") and job.state in ENDS:
        return Response(status_code=204)
    offset = last.removesuffix(".end")
    if not re.fullmatch(r"\d{1,15}", offset, re.ASCII):
        raise Refused(400, "the last event's id is no offset")
    return _stream(_events(studio, job, int(offset)))


async def _events(studio: Studio, job: Job, offset: int) -> AsyncIterator[str]:
    revision, quiet = -1, 0.0
    file = studio.jobs.events(job)
    offset = min(offset, file.stat().st_size if file.is_file() else 0)
    while not studio.stopping:
        now = studio.jobs.revisions.get(job.id)
        if now is None:
            yield _event("deleted", {"id": job.id}, str(offset))
            return
        over = job.state in ENDS
        if revision < 0:
            yield _event("state", studio.show(job).model_dump(mode="json"), str(offset))
        for line, end in _lines(file, offset):
            offset, quiet = end, 0.0
            event = _read(line)
            if event is not None:
                yield _event(str(event.get("event", "progress")), event, str(offset))
        if over:
            yield _event("state", studio.show(job).model_dump(mode="json"), f"{offset}.end")
            return
        if revision not in (-1, now):
            yield _event("state", studio.show(job).model_dump(mode="json"), str(offset))
            quiet = 0.0
        revision = now
        quiet += LOOK_S
        if quiet > ALIVE_S:
            yield ": \n\n"
            quiet = 0.0
        await asyncio.sleep(LOOK_S)


def _lines(file: Any, offset: int) -> list[tuple[bytes, int]]:
    """Return the next whole lines from an offset on, and where each ends; a block of them at most."""
    try:
        with file.open("rb") as opened:
            opened.seek(offset)
            block = opened.read(BLOCK)
    except OSError:
        return []
    lines = []
    for line in block.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        offset += len(line)
        lines.append((line, offset))
    return lines


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") in ("start", "progress", "end") else None


async def follow_all(studio: Studio, ask: Ask) -> Response:
    """Send what becomes of all jobs."""
    return _stream(_changes(studio))


async def _changes(studio: Studio) -> AsyncIterator[str]:
    told: dict[str, tuple[int, Any]] = {}
    people: list[str] | None = None
    quiet = 0.0
    jobs = [studio.show(job).model_dump(mode="json") for job in studio.jobs.every()]
    yield _event("jobs", {"jobs": jobs})
    while not studio.stopping:
        first = not told and people is None
        for job in studio.jobs.every():
            # an ended job's progress stays as it is: its file need not be read again
            moved = (0, 0) if job.state in ENDS else _stamp(studio, job)
            now = (studio.jobs.revisions[job.id], moved)
            if told.get(job.id) != now:
                told[job.id] = now
                if not first:
                    yield _event("job", studio.show(job).model_dump(mode="json"))
                    quiet = 0.0
        for name in set(told) - set(studio.jobs.revisions):
            del told[name]
            yield _event("deleted", {"id": name})
        names = studio.people()
        if people is not None and names != people:
            yield _event("people", {})
        people = names
        quiet += SAY_S
        if quiet > ALIVE_S:
            yield ": \n\n"
            quiet = 0.0
        await asyncio.sleep(SAY_S)


def _stamp(studio: Studio, job: Job) -> tuple[int, int]:
    try:
        return 1, studio.jobs.events(job).stat().st_size
    except OSError:
        return 0, 0


def _event(kind: str, data: Any, number: str = "") -> str:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n"


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


ROWS: tuple[Row, ...] = (
    Row("GET", "/api/jobs", every, "list jobs, newest first", gives=JobList,
        query={"person": "only theirs", "kind": "only such"}),
    Row("GET", "/api/jobs/{job}", one, "say how a job stands", gives=JobShown),
    Row("POST", "/api/jobs/{job}/stop", stop, "stop a job; it saves what it has", gives=JobShown),
    Row("POST", "/api/jobs/{job}/resume", resume, "let a job go on by the same command", gives=JobShown),
    Row("DELETE", "/api/jobs/{job}", delete, "delete a job and what came of it", gives=None),
    Row("GET", "/api/jobs/{job}/events", follow, "follow a job: Server-Sent Events", gives="text/event-stream",
        query={"offset": "from which byte of its events on; Last-Event-ID says the same"}),
    Row("GET", "/api/jobs/{job}/log", said, "read what a job's command said", gives="text/plain",
        query={"offset": "from which byte on"}),
    Row("GET", "/api/jobs/{job}/files/{name}", result, "fetch a file that a job made; Range is answered",
        gives="application/octet-stream", query={"download": "1: to be kept under a good name"}),
    Row("GET", "/api/jobs/{job}/live.mp4", live, "watch a film while it is drawn: fragmented mp4", gives="video/mp4"),
    Row("GET", "/api/events", follow_all, "follow all jobs: Server-Sent Events", gives="text/event-stream"),
)  # fmt: skip
