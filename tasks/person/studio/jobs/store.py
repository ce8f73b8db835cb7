"""Jobs as folders: what was asked for, how it stands, what came of it.

`studio/jobs/<id>/` holds `job.json` (written by the server alone), `begun.json` and `ended.json` (by the runner),
`events.jsonl`, `log.txt` and the results.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tasks.person.page.guard import Refused
from tasks.person.studio.jobs.runner import BEGUN, ENDED, EVENTS, LOG
from utils.errors import DataError
from utils.files.aside import clear_after_killed, make_folder
from utils.files.ownership import Made, is_plain_file
from utils.files.tables import read_json, write_json
from utils.files.tree import SOUND_SUFFIXES

Kind = Literal["process", "train", "speak", "dub", "check", "evaluate", "pack", "unpack", "face"]
State = Literal["queued", "running", "stopping", "done", "failed", "stopped"]
LIVE = ("running", "stopping")
ENDS = ("done", "failed", "stopped")
SOUNDS = (*SOUND_SUFFIXES, ".aiff", ".bin")
"""How the sound that a job says may be called after `sound`."""
PICTURES = (".png", ".jpg", ".webp")
TEMPLATES = (".npy", ".csv", ".b64")
FACE = "face.png"
FILES = {
    "film": ("film.mp4",), "words": ("words.vtt",), "words_json": ("words.json",), "pack": ("pack.vizeme",),
    "sound": tuple(f"sound{suffix}" for suffix in SOUNDS), "log": (LOG,), "face": (FACE,),
    "picture": tuple(f"picture{suffix}" for suffix in PICTURES),
    "template": tuple(f"template{suffix}" for suffix in TEMPLATES),
}  # fmt: skip
"""What a job may have to show, and what its file may be called."""
LIVE_FILM = "live.mp4"
JOB = Made(
    frozenset((
        "job.json", BEGUN, ENDED, EVENTS, LIVE_FILM, "source.mp4",
        *(name for names in FILES.values() for name in names), *(f"background{suffix}" for suffix in PICTURES),
    )),
    marker="job.json", says=("format", "vizeme-studio-job"),
)  # fmt: skip
ID = re.compile(r"\d{14}-[0-9a-f]{8}", re.ASCII)
TAIL = 8192
HERE = "{job}"
"""Stands for the job's folder in its words: a home may be moved."""


class Job(BaseModel):
    """What `job.json` holds."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["vizeme-studio-job"] = "vizeme-studio-job"
    id: str
    kind: Kind
    person: str
    title: str = ""
    door: Literal["person", "data", "run"] = "person"
    """Which script's command it is: `tasks/talking_head.py`, `data_gen/run.py` or `tasks/run.py`."""
    words: list[str]
    state: State = "queued"
    created: float
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    code: int | None = None
    error: str = ""
    settings: dict[str, Any] = {}
    request: dict[str, Any] = {}
    after: str = ""
    """A job that must be done before."""
    gives_way: bool = False
    """It is stopped for another one, and goes on afterwards."""


class Jobs:
    """Keep all jobs of one home.

    Args:
        folder: Where their folders lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.revision = 0
        """Grows with every change of any job."""
        self.revisions: dict[str, int] = {}
        self._jobs: dict[str, Job] = {}
        make_folder(folder)
        for path in sorted(folder.iterdir()):
            if ID.fullmatch(path.name) and is_plain_file(path / "job.json"):
                try:
                    job = Job.model_validate(read_json(path / "job.json"))
                except (DataError, ValueError):
                    continue
                if job.id == path.name:
                    self._jobs[job.id] = job
                    self._changed(job)

    def _changed(self, job: Job) -> None:
        self.revision += 1
        self.revisions[job.id] = self.revision

    def new(self, kind: Kind, person: str, words: Sequence[str], **more: Any) -> Job:
        """Make a job's folder, whose content is then ours; it counts from `keep` on, when all it needs is there."""
        when = time.time()
        name = f"{time.strftime('%Y%m%d%H%M%S', time.gmtime(when))}-{secrets.token_hex(4)}"
        make_folder(self.folder / name)
        job = Job(id=name, kind=kind, person=person, words=list(words), created=when, **more)
        self._write(job.model_copy(update={"state": "stopped"}))  # as it is found if the server ends before it is kept
        return job

    def discard(self, job: Job) -> None:
        """Delete the folder of a job that is not kept."""
        JOB.delete(self.folder_of(job))

    def _write(self, job: Job) -> None:
        write_json(self.folder_of(job) / "job.json", job.model_dump(mode="json"))

    def keep(self, job: Job) -> Job:
        """Write a job as it stands."""
        self._write(job)
        self._jobs[job.id] = job
        self._changed(job)
        return job

    def folder_of(self, job: Job) -> Path:
        """Return where a job lies."""
        return self.folder / job.id

    def get(self, name: str) -> Job:
        """Return a job.

        Raises:
            Refused: There is none of this id.
        """
        if name not in self._jobs:
            raise Refused(404, "there is no such job: it may have been deleted")
        return self._jobs[name]

    def every(self, person: str = "", kind: str = "") -> list[Job]:
        """List jobs, newest first."""
        jobs = [job for job in tuple(self._jobs.values()) if person in ("", job.person) and kind in ("", job.kind)]
        return sorted(jobs, key=lambda job: (job.created, job.id), reverse=True)

    def unended(self, person: str = "") -> list[Job]:
        """List jobs that run or wait, oldest first."""
        jobs = [job for job in tuple(self._jobs.values()) if job.state not in ENDS and person in ("", job.person)]
        return sorted(jobs, key=lambda job: (job.created, job.id))

    def delete(self, job: Job) -> None:
        """Delete a job and what came of it: what this program wrote into its folder.

        Raises:
            Refused: It runs.
        """
        if job.state in LIVE:
            raise Refused(409, "the job is running: stop it first")
        clear_after_killed(self.folder_of(job), held=True)
        del self._jobs[job.id]
        del self.revisions[job.id]
        self.revision += 1
        self.discard(job)

    def files(self, job: Job) -> dict[str, Path]:
        """Return what a job has to show, by kind."""
        folder = self.folder_of(job)
        there = {kind: [folder / name for name in names if is_plain_file(folder / name)]
                 for kind, names in FILES.items()}  # fmt: skip
        files = {kind: paths[0] for kind, paths in there.items() if paths}
        if job.kind in ("speak", "dub", "pack") and job.state != "done":
            files = {kind: path for kind, path in files.items() if kind not in ("film", "pack")}
        return files

    def events(self, job: Job) -> Path:
        """Return the file of a job's events."""
        return self.folder_of(job) / EVENTS

    def progress(self, job: Job) -> dict[str, Any] | None:
        """Return the last event of a job; None before the first."""
        try:
            with self.events(job).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL))
                lines = file.read().rsplit(b"\n", 1)[0].splitlines()
            event = json.loads(lines[-1]) if lines else None
        except (OSError, ValueError):
            return None
        return event if isinstance(event, dict) else None
