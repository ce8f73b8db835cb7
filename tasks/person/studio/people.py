"""Who is here: cards, how far each is, packing, unpacking, deleting what is provably ours."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from starlette.responses import Response

from data_gen.stages import Workshop
from data_gen.video.dataset import DATASET, VideoDataset
from data_gen.video.job import STAGE_NAMES
from tasks.core.checkpoints import finished_updates, recipe_of
from tasks.person.page.guard import Refused
from tasks.person.runs import HEARING, POSTNETS, RENDERERS, STAGES
from tasks.person.studio.answers import Ask, RefusedFields, Row
from tasks.person.studio.jobs.store import LIVE
from tasks.person.studio.schemas import (
    Deleting,
    JobShown,
    Packing,
    People,
    PersonShown,
    Progress,
    StageShown,
    Unpacking,
)
from tasks.person.studio.studio import WHO, Studio
from tasks.registry import TASKS
from utils.config.recipe import load_recipe
from utils.config.strict_yaml import read_yaml_file
from utils.errors import DataError, UserError
from utils.files.digests import stamp
from utils.files.lock import hold, let_go
from utils.files.ownership import Made, is_plain_file
from utils.files.tables import read_json
from utils.files.tree import files_under

TITLES = {
    "process": "Footage", "syncnet": "Do lips and sound belong together", "lm3d_vae_sync": "From sound to lips",
    "postnet": "This person's own lips", "lm3d_nerf": "Drawing the head", "lm3d_nerf_torso": "Drawing the shoulders",
    "lm3d_nerf_portrait": "Laying the face into true frames",
}  # fmt: skip
"""What stages are called on a page."""
PRESET = "person"
RUN_FILES = (
    r"model_ckpt_steps_\d+\.ckpt|last\.ckpt|checkpoints\.json|environment\.txt|metrics\.csv|selection\.(json|png)|"
    r"events\.out\.tfevents\..+|hparams\.yaml|config\.yaml"
)
"""All that training writes into the folder of a run, and into its `tb_logs`."""
RESULTS = Made(
    frozenset({"metrics.json", "contact_sheet.png", "lip_opening.png", "side_by_side.mp4"}), marker="metrics.json",
    says=("video_id", ""),
)  # fmt: skip


def card(studio: Studio, person: str) -> PersonShown:
    """Return what is known of a person at a glance."""
    who = _note(studio.own(person) / "person.json")
    meta = _note(studio.dataset(person) / "meta.json")
    running = {job.kind for job in studio.jobs.unended(person) if job.state in LIVE}
    preset = str(_note(studio.runs(person) / "preset.json").get("preset") or who.get("preset") or "")
    stages = [_processing(studio, person, "process" in running)]
    stages += training_stages(studio, person, preset, "train" in running)
    data = _dataset(studio, person)
    trained = all(stage.state == "done" for stage in stages[1:])
    state: Literal["new", "processing", "processed", "training", "trained"] = (
        "processing" if "process" in running else "training" if "train" in running
        else "trained" if trained else "processed" if meta else "new"
    )  # fmt: skip
    return PersonShown(
        id=person,
        state=state,
        poster=f"/api/people/{person}/poster.jpg" if data is not None and data.has("frames") else None,
        consent=str(meta.get("consent") or who.get("consent") or ""),
        licence=str(meta.get("licence") or who.get("licence") or ""),
        seconds=data.meta.frames / data.meta.fps if data else 0.0,
        size_px=data.meta.height if data else 0, frames=data.meta.frames if data else 0,
        unpacked=data.unpacked if data else False,
        film=studio.film_to_dub(person) is not None,
        bytes=_sizes(studio, person),
        stages=stages, preset=preset, speaks=speaks(studio, person),
        jobs=[job.id for job in studio.jobs.unended(person)],
    )  # fmt: skip


def _dataset(studio: Studio, person: str) -> VideoDataset | None:
    """Return a person's dataset; None when there is none, or it is damaged: who opens it is told so."""
    try:
        return VideoDataset(studio.dataset(person))
    except DataError:
        return None


def speaks(studio: Studio, person: str) -> bool:
    """Tell whether a person has all that speaking takes."""
    runs, has = studio.runs(person), finished_updates
    return all(any(has(runs / name) for name in names) for names in (POSTNETS, RENDERERS)) and bool(
        _note(studio.dataset(person) / "meta.json")
    )


def _note(file: Path) -> dict[str, Any]:
    try:
        data = read_json(file) if is_plain_file(file) else {}
    except DataError:
        return {}
    return data if isinstance(data, dict) else {}


def _processing(studio: Studio, person: str, running: bool) -> StageShown:
    whole = (studio.dataset(person) / "meta.json").is_file()
    done = sum((studio.processed(person) / name / "stage.json").is_file() for name in STAGE_NAMES)
    state: Progress = "running" if running else "done" if whole else "part" if done else "none"
    total = len(STAGE_NAMES)
    return StageShown(
        name="process", title=TITLES["process"], state=state, done=total if state == "done" else done, total=total
    )  # fmt: skip


def training_stages(studio: Studio, person: str, preset: str, running: bool) -> list[StageShown]:
    """Return how far each run of a person is.

    Of those not finished the first is trained, and beside it, without a GPU, the first of the other row.
    """
    shown, rows = [], set[bool]()
    for name in STAGES:
        done, total = finished_updates(studio.runs(person) / name), updates_of(studio, person, name, preset)
        whole = total is not None and done >= total
        state: Progress = "done" if whole else "part" if done else "none"
        row = name in HEARING
        if running and not whole and row not in rows:
            if not rows or (studio.runs(person) / name / "config.yaml").is_file():
                state = "running"
            rows.add(row)
        shown.append(StageShown(name=name, title=TITLES[name], state=state, done=done, total=total))
    return shown


def updates_of(studio: Studio, person: str, stage: str, preset: str) -> int | None:
    """Return for how many updates a stage is trained, by its run or else by its recipe; None when that is not known."""
    file = studio.runs(person) / stage / "config.yaml"
    try:
        path = file if file.is_file() else recipe_of(preset or PRESET, stage)
        note = ("updates", str(path), stamp(path))
        if studio.notes.get(str(path), (None,))[0] != note:
            values = read_yaml_file(path) if path == file else load_recipe(path).values
            studio.notes[str(path)] = (note, int(values.get("max_updates", 40_000)))
        return studio.notes[str(path)][1]
    except (UserError, ValueError, TypeError, AttributeError):
        return None


def _sizes(studio: Studio, person: str) -> dict[str, int]:
    films = [studio.jobs.folder_of(job) for job in studio.jobs.every(person)]
    folders = {
        "dataset": [studio.dataset(person)], "processing": [studio.processed(person)], "runs": [studio.runs(person)],
        "films": [*films, studio.results(person)], "film": [studio.own(person)],
    }  # fmt: skip
    counted: set[int] = set()  # what has two names lies there once
    sizes = {what: sum(_size(folder, counted) for folder in places) for what, places in folders.items()}
    return {**sizes, "all": sum(sizes.values())}


def _size(folder: Path, counted: set[int]) -> int:
    total = 0
    for path in files_under(folder) if folder.is_dir() else ():
        try:
            status = path.lstat()
        except OSError:
            continue
        if status.st_ino not in counted:
            counted.add(status.st_ino)
            total += status.st_size
    return total


def every(studio: Studio, ask: Ask) -> People:
    """List all persons."""
    return People(people=[card(studio, person) for person in studio.people()])


def one(studio: Studio, ask: Ask) -> PersonShown:
    """Return one person."""
    return card(studio, studio.person(ask.part("person")))


def poster(studio: Studio, ask: Ask) -> Response:
    """Return a picture of a person."""
    data = VideoDataset(studio.dataset(studio.person(ask.part("person"))))
    ids = data.frame_ids()
    return picture_answer(data.frames[int(ids[len(ids) // 2])])


def picture_answer(picture: Any, kind: str = "jpeg") -> Response:
    """Answer with a picture (H, W, 3) uint8 RGB."""
    from PIL import Image  # only where one is shown

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind.upper(), **({"quality": 90} if kind == "jpeg" else {}))
    return Response(buffer.getvalue(), media_type=f"image/{kind}")


@dataclass(frozen=True)
class Holding:
    """A folder of a person and what of it is ours, with what proves that at the end."""

    what: str
    folder: Path
    files: list[Path]


def holdings(studio: Studio, person: str) -> Iterator[Holding]:
    """Find all folders of a person in which something is ours."""
    data = studio.dataset(person)
    yield Holding("dataset", data, _last(DATASET.ours(data) if data.is_dir() else [], "meta.json"))
    for stage in STAGE_NAMES:
        folder = studio.processed(person) / stage
        names = _note(folder / "stage.json").get("files", [])
        made = Workshop.made(stage).also(map(str, names if isinstance(names, list) else []))
        yield Holding("processing", folder, _last(made.ours(folder) if folder.is_dir() else [], "stage.json"))
    for stage in STAGES:
        runs = studio.runs(person) / stage
        for folder in [*sorted(runs.glob("before_reset_*/")), runs]:
            inner = folder / "tb_logs"
            yield Holding("training", inner, _run_files(folder, inner))
            yield Holding("training", folder, _last(_run_files(folder, folder), "config.yaml"))
    preset = studio.runs(person) / "preset.json"
    yield Holding("training", preset.parent, [preset] if set(_note(preset)) == {"preset"} else [])
    measured = studio.results(person) / "evaluation"
    yield Holding("evaluation", measured, _last(RESULTS.ours(measured) if measured.is_dir() else [], "metrics.json"))
    checked = studio.results(person) / "check.json"
    note = _note(checked)
    ours = note.get("id") == person and {"stages", "limits"} <= note.keys()
    yield Holding("check", checked.parent, [checked] if ours else [])
    own = studio.own(person)
    yield Holding("film", own, _last(WHO.ours(own) if own.is_dir() else [], "person.json"))


def _run_files(run: Path, folder: Path) -> list[Path]:
    """List the files of a run that is one by its own account."""
    try:
        task = read_yaml_file(run / "config.yaml").get("task_cls")
    except (UserError, AttributeError):
        return []
    if task not in TASKS or not folder.is_dir() or folder.is_symlink():
        return []
    return [path for path in sorted(folder.iterdir()) if re.fullmatch(RUN_FILES, path.name) and is_plain_file(path)]


def _last(files: list[Path], marker: str) -> list[Path]:
    return sorted(files, key=lambda path: (path.name == marker, path.name))


def foresee_deletion(studio: Studio, person: str) -> tuple[dict[str, Any], list[Holding]]:
    """Return what deleting a person would delete and keep, and where that lies."""
    found = [one for one in holdings(studio, person) if one.files and not _linked(one.folder, studio.place)]
    deleted = [
        {"what": one.what, "path": str(one.folder.relative_to(studio.place)),
         "bytes": sum(path.lstat().st_size for path in one.files)}
        for one in found
    ]  # fmt: skip
    deleted += [
        {"what": "film" if job.kind in ("speak", "dub") else "job", "path": f"studio/jobs/{job.id}",
         "bytes": _size(studio.jobs.folder_of(job), set())}
        for job in studio.jobs.every(person)
    ]  # fmt: skip
    ours = {path for one in found for path in one.files}
    roots = (studio.dataset(person), studio.processed(person), studio.runs(person), studio.results(person),
             studio.own(person))  # fmt: skip
    others = [path for root in roots if root.is_dir() for path in files_under(root) if path not in ours]
    kept = [
        {"path": str(path.relative_to(studio.place)), "why": "nothing says that it was made by this program"}
        for path in others if not path.name.startswith(".held_by")
    ]  # fmt: skip
    return {"deleted": deleted, "kept": kept}, found


def _linked(folder: Path, place: Path) -> bool:
    """Tell whether a folder is reached over a link: what is behind it may be somebody else's."""
    return folder.resolve() != place.resolve() / folder.relative_to(place)


def would_delete(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Say what deleting would do."""
    return foresee_deletion(studio, studio.person(ask.part("person")))[0]


def delete(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Delete a person."""
    person, asked = studio.person(ask.part("person")), ask.body
    if asked.confirm != person:
        raise RefusedFields({"confirm": f"write {person}, who is to be deleted"})
    if jobs := studio.jobs.unended(person):
        raise Refused(409, f"{len(jobs)} of their jobs run or wait ({jobs[0].kind}): stop them first")
    said, found = foresee_deletion(studio, person)
    for one in found:
        handle = hold(one.folder)
        if handle is None:
            raise Refused(409, f"{one.folder.name} is being worked on by another process: wait for its end")
        let_go(handle)
    for one in found:
        for path in one.files:
            path.unlink(missing_ok=True)
        (one.folder / ".held_by.json").unlink(missing_ok=True)
        _remove_empty(one.folder, studio.place)
    for job in studio.jobs.every(person):
        studio.jobs.delete(job)
    return said


def _remove_empty(folder: Path, place: Path) -> None:
    """Remove a folder with nothing left in it, and those above it up to those of all persons."""
    while folder != place and folder.name not in ("videos", "checkpoints", "infer_out", "people"):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = folder.parent


def pack(studio: Studio, ask: Ask) -> JobShown:
    """Pack a person into a file."""
    person, asked = studio.person(ask.part("person")), ask.body
    if not speaks(studio, person):
        raise Refused(409, f"{person} cannot speak yet: train them first")
    words = ["pack", person, "--out", "{job}/pack.vizeme", "--renderer", asked.renderer]
    return studio.queue(studio.jobs.new("pack", person, words, title=f"Pack {person}"))


def unpack(studio: Studio, ask: Ask) -> JobShown:
    """Unpack a person."""
    asked = ask.body
    note, _ = studio.uploads.whole(asked.upload, "pack")
    if asked.id and asked.id in studio.people():
        raise Refused(409, f"{asked.id} is here already: choose another id")
    words = ["unpack", "{job}/pack.vizeme", *(["--exp_name", asked.id] if asked.id else [])]
    job = studio.jobs.new("unpack", asked.id or "", words, title=f"Unpack {note.name}", request={"name": note.name})
    studio.uploads.take(note, studio.jobs.folder_of(job) / "pack.vizeme")
    return studio.queue(job)


ROWS: tuple[Row, ...] = (
    Row("GET", "/api/people", every, "list all persons", gives=People),
    Row("GET", "/api/people/{person}", one, "say how far a person is", gives=PersonShown),
    Row("GET", "/api/people/{person}/poster.jpg", poster, "show a person", gives="image/jpeg"),
    Row("GET", "/api/people/{person}/deletion", would_delete, "say what deleting a person would delete and keep"),
    Row("DELETE", "/api/people/{person}", delete, "delete a person: what is provably made by this program", Deleting),
    Row("POST", "/api/people/{person}/pack", pack, "pack a person into one file", Packing, JobShown, 201),
    Row("POST", "/api/unpack", unpack, "unpack a person from such a file", Unpacking, JobShown, 201),
)  # fmt: skip
