"""Make still faces of voices and of templates: which runs can, and jobs that do."""

from __future__ import annotations

from tasks.person.page.guard import Refused
from tasks.person.studio.answers import Ask, RefusedFields, Row
from tasks.person.studio.faces.families import FAMILIES, runs_of
from tasks.person.studio.faces.schemas import FamiliesShown, FamilyShown, NewFace, RunShown
from tasks.person.studio.jobs.store import FACE, JOB, PICTURES, Job
from tasks.person.studio.schemas import JobShown
from tasks.person.studio.studio import Studio

SOURCE = {"voice": "infer_audio_source_name", "template": "infer_source"}
"""The setting that names what goes in."""


def families(studio: Studio, ask: Ask) -> FamiliesShown:
    """List the ways to a face with their runs and what was made."""
    jobs = studio.jobs.every(kind="face")
    return FamiliesShown(
        families=[
            FamilyShown(
                name=name, title=one.title, says=list(one.says), page=one.page, needs=one.needs, takes=list(one.takes),  # type: ignore[arg-type]
                runs=[RunShown(**run._asdict()) for run in runs_of(studio.place / "checkpoints", one.tasks)],
                faces=[studio.show(job) for job in jobs if job.request.get("family") == name],
            )
            for name, one in FAMILIES.items()
        ]
    )  # fmt: skip


def make(studio: Studio, ask: Ask) -> JobShown:
    """Queue a face; what cannot be done is told at once, and then nothing is left behind."""
    asked: NewFace = ask.body
    family = FAMILIES[asked.family]
    if not asked.agreed:
        raise RefusedFields({"agreed": "read what is said above, and say that the person agreed"})
    if asked.run not in {run.name for run in runs_of(studio.place / "checkpoints", family.tasks)}:
        raise RefusedFields({"run": f"no trained run of {' or '.join(family.tasks)} is called so here"})
    note, content = studio.uploads.whole(asked.upload, *family.takes)
    is_picture = note.purpose == "picture" and content.suffix not in PICTURES
    name = f"{family.takes[note.purpose]}{'.png' if is_picture else content.suffix}"  # what it is, its content says
    request = {"family": asked.family, "run": asked.run, "name": note.name}
    job: Job = studio.jobs.new("face", "", [], door="run", title=note.name[:80], request=request)
    try:
        if name not in JOB.names:
            raise Refused(415, f"{note.name} is not called .npy, .csv or .b64: name it as what it is")
        studio.uploads.take(note, studio.jobs.folder_of(job) / name)
        job.words = [
            f"--config=checkpoints/{asked.run}/config.yaml", f"--exp_name={asked.run}", "--infer",
            f"--{SOURCE[asked.family]}={{job}}/{name}", f"--infer_out_image_name={{job}}/{FACE}",
        ]  # fmt: skip
    except BaseException:
        studio.jobs.discard(job)
        raise
    return studio.queue(job)


ROWS: tuple[Row, ...] = (
    Row("GET", "/api/faces", families, "list what makes still faces, which runs can, and what was made",
        gives=FamiliesShown),
    Row("POST", "/api/faces", make, "make a face of a voice, of a photo's template, or of a template", NewFace,
        JobShown, 201),
)  # fmt: skip
