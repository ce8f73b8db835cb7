"""How good a person is, and what this machine can do."""

from __future__ import annotations

import json
import mimetypes
import subprocess
import time
from typing import Any

from starlette.responses import Response

from tasks.person.page.guard import Refused
from tasks.person.studio.answers import Ask, Row, file_answer
from tasks.person.studio.jobs.store import Kind
from tasks.person.studio.people import speaks
from tasks.person.studio.schemas import Checking, JobShown, Measuring
from tasks.person.studio.studio import Studio
from utils.command import version_text
from utils.errors import DataError
from utils.files.ownership import is_plain_file
from utils.files.tables import read_json

SHOWN = (".png", ".jpg", ".mp4", ".json", ".md", ".csv")
"""Files of an evaluation that are shown."""
DOCTOR_S = 120
"""How long looking at the machine may take."""


def check(studio: Studio, ask: Ask) -> JobShown:
    """Check every stage of a person."""
    return _queue(studio, ask, "check", [f"--frames={ask.body.frames}"])


def evaluate(studio: Studio, ask: Ask) -> JobShown:
    """Compare a person with held-out footage."""
    asked = ask.body
    person = studio.person(ask.part("person"))
    if not speaks(studio, person):
        raise Refused(409, f"{person} cannot speak yet: train them first")
    more = [f"--frames={asked.frames}"] if asked.frames else []
    return _queue(studio, ask, "evaluate", [f"--protocol={asked.protocol}", *more])


def _queue(studio: Studio, ask: Ask, kind: Kind, words: list[str]) -> JobShown:
    person = studio.person(ask.part("person"))
    if any(job.kind == kind for job in studio.jobs.unended(person)):
        raise Refused(409, f"that runs or waits already for {person}")
    if not (studio.dataset(person) / "meta.json").is_file():
        raise Refused(409, f"the footage of {person} is not processed yet")
    request = ask.body.model_dump(mode="json")
    title = f"{kind} {person}".capitalize()
    return studio.queue(studio.jobs.new(kind, person, [kind, person, *words], title=title, request=request))


def judge(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Return what was found by checking and comparing."""
    person = studio.person(ask.part("person"))
    folder = studio.results(person) / "evaluation"
    files = [
        {"name": path.name, "type": _type(path.name), "bytes": path.stat().st_size,
         "url": f"/api/people/{person}/evaluation/{path.name}"}
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if path.suffix in SHOWN and is_plain_file(path) and not path.name.startswith(".")
    ]  # fmt: skip
    jobs: dict[str, Any] = {}
    for kind in ("check", "evaluate"):
        last = next(iter(studio.jobs.every(person, kind)), None)
        jobs[kind] = studio.show(last).model_dump(mode="json") if last else None
    checked, measured = studio.results(person) / "check.json", folder / "metrics.json"
    return {"check": _read(checked), "evaluation": _read(measured), "files": files, "jobs": jobs}


def _read(path: Any) -> Any:
    try:
        return read_json(path) if is_plain_file(path) else None
    except DataError:
        return None


def _type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "text/plain"


def measured(studio: Studio, ask: Ask) -> Response:
    """Return a file of an evaluation."""
    person, name = studio.person(ask.part("person")), ask.part("name")
    folder = studio.results(person) / "evaluation"
    there = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    if name not in there or there[name].suffix not in SHOWN:
        raise Refused(404, "the evaluation has no such file")
    return file_answer(there[name], _type(name), ask, f"{person}-{name}")


def machine(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Look at this machine, as `doctor` does; what was found is kept until it is asked for again."""
    if "machine" not in studio.notes or ask.word("again") not in ("", "0"):
        command = [*studio.foreman.doors["person"], "doctor", "--json"]
        try:
            done = subprocess.run(
                command, cwd=studio.place, stdin=subprocess.DEVNULL, capture_output=True, timeout=DOCTOR_S, check=False
            )
            found = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            raise Refused(500, "`vizeme doctor` did not answer: try it in a terminal") from None
        studio.notes["machine"] = {**found, "home": str(studio.place), "version": version_text(), "time": time.time()}
    result: dict[str, Any] = studio.notes["machine"]
    return result


ROWS: tuple[Row, ...] = (
    Row("POST", "/api/people/{person}/check", check, "check every stage of a person", Checking, JobShown, 201),
    Row("POST", "/api/people/{person}/evaluate", evaluate, "compare with held-out footage", Measuring, JobShown, 201),
    Row("GET", "/api/people/{person}/judge", judge, "return what was found by checking and comparing"),
    Row("GET", "/api/people/{person}/evaluation/{name}", measured, "return a file of an evaluation",
        gives="application/octet-stream", query={"download": "1: to be kept under a good name"}),
    Row("GET", "/api/machine", machine, "look at this machine", query={"again": "1: look anew"}),
)  # fmt: skip
