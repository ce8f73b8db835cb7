"""The studio of one home: its people's jobs and uploads, and what all requests share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.person.page.guard import Refused
from tasks.person.studio.jobs.foreman import DOORS, Foreman
from tasks.person.studio.jobs.store import ENDS, LIVE_FILM, Job, Jobs
from tasks.person.studio.schemas import PERSON, JobShown
from tasks.person.studio.uploads import Uploads
from utils.files.aside import make_folder
from utils.files.ownership import Made, is_plain_file

log = logging.getLogger("vizeme")
TICK_S = 0.2
KEY = "key"
FILM = "film"
WHO = Made(
    frozenset({"person.json", *(f"{FILM}{suffix}" for suffix in (".mp4", ".mov", ".mkv", ".webm", ".avi", ".bin"))}),
    marker="person.json", says=("format", "vizeme-studio-person"),
)  # fmt: skip
"""What the studio keeps of a person whom it made: who agreed to what, and the film."""


class Studio:
    """Keep what requests share.

    Args:
        place: The home: data, runs and results lie in it.
        doors: How commands are begun.
    """

    def __init__(self, place: Path, doors: Mapping[str, Sequence[str]] = DOORS) -> None:
        self.place = place.absolute()
        self.folder = self.place / "studio"
        make_folder(self.folder)
        self.jobs = Jobs(self.folder / "jobs")
        self.foreman = Foreman(self.jobs, self.place, doors)
        self.uploads = Uploads(self.folder / "uploads")
        self.stopping = False
        self.notes: dict[str, Any] = {}
        """What is costly to find out, until it changes."""

    @contextlib.asynccontextmanager
    async def at_work(self, app: object) -> AsyncIterator[None]:
        """Let jobs run as long as the server does; they go on without it."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self.stopping = True
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        while True:
            try:
                self.foreman.tick()
            except Exception:  # a full disk, say: what can be noted later is
                log.exception("Jobs could not be seen to")
                await asyncio.sleep(5)
            await asyncio.sleep(TICK_S)

    def key(self) -> str:
        """Return the key of this home's page, made once: a page that is open goes on when the server starts again."""
        file = self.folder / KEY
        if is_plain_file(file):
            text = file.read_text(encoding="ascii", errors="replace").strip()
            if re.fullmatch(r"[\w-]{32,64}", text, re.ASCII):
                return text
            file.unlink()
        text = secrets.token_urlsafe(24)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(text)
        return text

    def runs(self, person: str) -> Path:
        """Return where a person's runs lie."""
        return self.place / "checkpoints" / person

    def dataset(self, person: str) -> Path:
        """Return where a person's dataset lies."""
        return self.place / "data/binary/videos" / person

    def processed(self, person: str) -> Path:
        """Return where the stages of processing lie."""
        return self.place / "data/processed/videos" / person

    def results(self, person: str) -> Path:
        """Return where commands write about a person."""
        return self.place / "infer_out" / person

    def own(self, person: str) -> Path:
        """Return what the studio itself keeps of a person."""
        return self.folder / "people" / person

    def people(self) -> list[str]:
        """List all persons of whom there is a dataset, runs, or a film."""
        names = set()
        for folder in (self.dataset("x").parent, self.runs("x").parent, self.own("x").parent):
            if folder.is_dir():
                names |= {path.name for path in folder.iterdir() if path.is_dir() and self._is_person(path)}
        return sorted(names)

    def _is_person(self, path: Path) -> bool:
        if not re.fullmatch(PERSON, path.name, re.ASCII):
            return False
        inner = {"binary": "meta.json", "people": "person.json"}.get(path.parent.parent.name) or "person.json"
        if path.parent.name == "checkpoints":
            return any((path / name).is_dir() for name in ("syncnet", "lm3d_vae_sync", "postnet", "lm3d_nerf"))
        return (path / ("meta.json" if path.parent.name == "videos" else inner)).is_file()

    def person(self, name: str) -> str:
        """Return a person's id.

        Raises:
            Refused: There is nobody of this id.
        """
        if not re.fullmatch(PERSON, name, re.ASCII) or name not in self.people():
            raise Refused(404, f"nobody is called '{name[:64]}' here")
        return name

    def film(self, person: str) -> Path | None:
        """Return the film that the studio was given of a person."""
        if not WHO.proves(self.own(person)):
            return None
        return next((path for path in WHO.ours(self.own(person)) if path.stem == FILM), None)

    def film_to_dub(self, person: str) -> Path | None:
        """Return the film that a person was made of: the studio's, else where the demo and the guides put it."""
        raw = self.place / "data/raw/videos" / f"{person}.mp4"
        return self.film(person) or (raw if is_plain_file(raw) else None)

    def show(self, job: Job) -> JobShown:
        """Return a job as it is answered."""
        address = f"/api/jobs/{job.id}"
        files = {kind: f"{address}/files/{path.name}" for kind, path in self.jobs.files(job).items()}
        if job.kind == "speak" and job.state not in ENDS:  # a dub comes as a whole
            files["live"] = f"{address}/{LIVE_FILM}"
        data = job.model_dump(include=set(JobShown.model_fields) & set(Job.model_fields))
        progress = self.jobs.progress(job)
        return JobShown(
            **data, before=self.foreman.before(job), progress=progress, files=files,
            resumable=job.state in ("stopped", "failed"),
        )  # fmt: skip

    def queue(self, job: Job) -> JobShown:
        """Keep a new job, which then waits for its turn."""
        return self.show(self.jobs.keep(job))
