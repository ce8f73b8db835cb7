"""New people and their footage: what it would take, the film in, how well it came through, its frames."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from starlette.responses import Response

from data_gen.video.dataset import VideoDataset
from data_gen.video.job import STAGE_NAMES, VideoJob, check_job
from data_gen.video.run import VideoCommand, refuse_early, wanted_weights
from tasks.core.checkpoints import recipe_of
from tasks.person.page.guard import Refused
from tasks.person.runs import STAGES
from tasks.person.studio.answers import Ask, RefusedFields, Row, file_answer
from tasks.person.studio.people import TITLES, card, picture_answer
from tasks.person.studio.schemas import Ahead, Footage, JobShown, Made, NewPerson
from tasks.person.studio.speaking import fields_of
from tasks.person.studio.studio import FILM, WHO, Studio
from tasks.person.studio.training import PRESETS, choose_preset_of, training_job
from tasks.person.train import START_S, UPDATE_S
from utils.arguments import read_words
from utils.config.recipe import load_recipe
from utils.errors import DataError, UserError
from utils.files.aside import make_folder
from utils.files.ownership import is_plain_file
from utils.files.tables import read_json, write_json
from utils.offline import fetched_words

TIMES_LENGTH = (1.5, 0.6)
"""How many times as long as a film its processing takes on two cores, roughly: as such, and a 256 x 256 pixels."""
RESERVED = ("new",)
"""Ids that addresses need."""
PICTURES = ("contact_sheet", "curves")
LAYERS = ("landmarks", "masks", "pose")


def ahead(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Say how many minutes, gigabytes and hours a film would take."""
    from data_gen.video.ahead.rehearsal import foresee  # brings OpenCV and detectors, for seconds

    asked: Ahead = ask.body
    _, film = studio.uploads.whole(asked.upload, "film")
    job = VideoJob(
        "new-person", film, size=asked.size, start_s=asked.start_s, duration_s=asked.duration_s,
        data_dir=studio.place / "data",
    )  # fmt: skip
    try:
        seen = foresee(job, wanted_weights(job))
    except UserError as error:
        raise RefusedFields({"upload": str(error).replace(str(film), "the film")}) from None
    processing = math.ceil(60 * seen.minutes * (TIMES_LENGTH[0] + TIMES_LENGTH[1] * (asked.size / 256) ** 2))
    training = _training_ahead(choose_preset_of(asked.preset))
    seconds = sum(one["seconds"] for one in training)
    fetch = f"; to be fetched first: {fetched_words(seen.absent)}" if seen.absent else ""
    return {
        "minutes": round(seen.minutes, 2),
        "frames": seen.frames,
        "bytes": seen.total,
        "kinds": seen.kinds,
        "free": seen.free,
        "fits": seen.total < seen.free,
        "stages": seen.to_do,
        "fetch": seen.absent,
        "fetch_said": fetched_words(seen.absent) if seen.absent else "",
        "processing_seconds": processing,
        "training": training,
        "training_seconds": seconds,
        "said": f"{seen.minutes:.1f} minutes of film, about {seen.total / 1e9:.2f} GB ({seen.free / 1e9:.0f} GB are "
        f"free); on two cores about {processing / 3600:.1f} hours of processing and {seconds / 3600:.1f} of training, "
        f"less on a GPU{fetch}",
    }


def _training_ahead(preset: str) -> list[dict[str, Any]]:
    """Guess for each stage how long it is trained on two cores."""
    stages = []
    for name in STAGES:
        updates = int(load_recipe(recipe_of(preset, name)).values.get("max_updates", 40_000))
        seconds = round(START_S + UPDATE_S[name] * updates)
        stages.append({"name": name, "title": TITLES[name], "updates": updates, "seconds": seconds})
    return stages


def form(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Say what may be given for a new person."""
    names = ("size", "start_s", "duration_s", "landmarks", "parsing", "audio_features")
    return {"fields": fields_of(VideoCommand, names, plain=("size", "start_s", "duration_s")), "presets": PRESETS}


def create(studio: Studio, ask: Ask) -> Made:
    """Begin with a new person: their film is taken over, and processed."""
    asked: NewPerson = ask.body
    if asked.id in RESERVED or asked.id in studio.people() or studio.own(asked.id).exists():
        raise RefusedFields({"id": f"{asked.id} is here already, or may not be called so: choose another"})
    for name in ("consent", "licence"):
        if len(getattr(asked, name).strip()) < 3:
            raise RefusedFields({name: "say in a few words who agreed to what, and on which terms"})
    note, film = studio.uploads.whole(asked.upload, "film")
    words = _words(asked, asked.id, film, consent=asked.consent.strip(), licence=asked.licence.strip())
    _refuse_early(words)
    if asked.train:
        choose_preset_of(asked.preset)
    own = studio.own(asked.id)
    make_folder(own)
    kept = own / f"{FILM}{film.suffix}"
    write_json(own / "person.json", {
        "format": WHO.says[1], "id": asked.id, "consent": asked.consent.strip(), "licence": asked.licence.strip(),
        "preset": asked.preset, "film": kept.name, "name": note.name, "time": time.time(),
    })  # fmt: skip
    studio.uploads.take(note, kept)
    words[2] = str(_at_home(kept, studio))
    job = studio.jobs.new(
        "process", asked.id, words, door="data", title=f"Process {note.name}", settings=asked.settings,
        request=asked.model_dump(mode="json", exclude={"settings"}),
    )  # fmt: skip
    shown = [studio.queue(job)]
    if asked.train:
        shown.append(studio.queue(training_job(studio, asked.id, asked.preset, asked.settings, after=job.id)))
    return Made(person=card(studio, asked.id), jobs=shown)


def _at_home(path: Path, studio: Studio) -> Path:
    """Return a path as seen from the home, in which commands run: it may be moved."""
    return path.relative_to(studio.place)


def _words(asked: Footage, person: str, film: Path, **more: str) -> list[str]:
    """Write the command that processes a film; the third of its words is the film."""
    words = ["video", person, str(film), f"--size={asked.size}", f"--start_s={asked.start_s}"]
    words += [f"--landmarks={asked.landmarks}", f"--parsing={asked.parsing}"]
    words += [f"--duration_s={asked.duration_s}"] if asked.duration_s is not None else []
    words += [f"--audio_features={asked.audio_features}"] if asked.audio_features else []
    words += [f"--redo={stage}" for stage in asked.redo]
    return words + [f"--{name}={text}" for name, text in more.items() if text]


def _refuse_early(words: list[str]) -> None:
    """Tell at once what the command would.

    Raises:
        ConfigError, DataError: It could not be done.
    """
    job = read_words(VideoCommand, words[1:], "process").job
    check_job(job)
    _ = job.more_features
    refuse_early(job)


def again(studio: Studio, ask: Ask) -> JobShown:
    """Process a person's film again."""
    person, asked = studio.person(ask.part("person")), ask.body
    film = studio.film(person)
    if film is None:
        raise Refused(409, f"the film that {person} was made of is not in the studio: process it by the command")
    given = asked.model_fields_set
    before = next((job.request for job in studio.jobs.every(person, "process")), {})
    old = {name: value for name, value in before.items() if name in Footage.model_fields and name not in given}
    asked = asked.model_copy(update={k: v for k, v in old.items() if k != "redo"})
    note = read_json(studio.own(person) / "person.json")
    words = _words(asked, person, film, consent=str(note.get("consent", "")), licence=str(note.get("licence", "")))
    _refuse_early(words)
    words[2] = str(_at_home(film, studio))
    return studio.queue(studio.jobs.new(
        "process", person, words, door="data", title=f"Process {note.get('name', film.name)} again",
        request=asked.model_dump(mode="json"),
    ))  # fmt: skip


def footage(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Return the report of processing, as JSON."""
    person = studio.person(ask.part("person"))
    folder = studio.processed(person) / "report"
    report = None
    if is_plain_file(folder / "report.json"):
        report = read_json(folder / "report.json")
    checks = report.get("checks", []) if isinstance(report, dict) else []
    order = ("fail", "warn")
    bad = sorted((one for one in checks if one["verdict"] in order), key=lambda one: order.index(one["verdict"]))
    try:
        meta = VideoDataset(studio.dataset(person)).meta.model_dump(mode="json")
    except DataError:
        meta = {}
    jobs = studio.jobs.every(person, "process")
    address = f"/api/people/{person}/footage"
    return {
        "report": report,
        "mend_first": bad[0] if bad else None,
        **{name: meta.get(name, 0) for name in ("frames", "width", "height", "val_start")},
        "cuts": meta.get("cuts", []),
        "left_out": meta.get("left_out", []),
        "layers": LAYERS,
        **{name: f"{address}/{name}.png" if is_plain_file(folder / f"{name}.png") else None for name in PICTURES},
        "stages": {name: (studio.processed(person) / name / "stage.json").is_file() for name in STAGE_NAMES},
        "job": studio.show(jobs[0]).model_dump(mode="json") if jobs else None,
    }


def drawn(studio: Studio, ask: Ask) -> Response:
    """Return a picture of the report."""
    person, name = studio.person(ask.part("person")), ask.part("name")
    if name not in {f"{one}.png" for one in PICTURES}:
        raise Refused(404, "the report has no such picture")
    return file_answer(studio.processed(person) / "report" / name, "image/png", ask, f"{person}-{name}")


def frame(studio: Studio, ask: Ask) -> Response:
    """Return a frame, with what was found in it drawn over."""
    from data_gen.video.pictures import overlay  # matplotlib and OpenCV: only where frames are looked at
    from utils.drawing.landmarks import draw_landmarks

    data = VideoDataset(studio.dataset(studio.person(ask.part("person"))))
    index = int(ask.part("index"))
    if index >= len(data):
        raise Refused(404, f"the footage has {len(data)} frames, counted from 0")
    layers = [name for name in ask.word("layers").split(",") if name]
    if unknown := set(layers) - set(LAYERS):
        raise Refused(400, f"layers={sorted(unknown)[0][:40]}: write some of {', '.join(LAYERS)}")
    picture = np.array(data.frames[index])
    if "masks" in layers:
        picture = overlay(picture, np.asarray(data.head_mask[index]), np.asarray(data.torso_mask[index]))
    if "landmarks" in layers:
        picture = draw_landmarks(data.landmarks_px[index], canvas=picture)
    if "pose" in layers:
        picture = _with_pose(picture, data, index)
    return picture_answer(picture)


def _with_pose(picture: np.ndarray, data: VideoDataset, index: int) -> np.ndarray:
    """Draw the head's axes, (H, W, 3) uint8, from the middle of the face: right red, up green, to the viewer blue."""
    import cv2

    axes = data.world_from_camera[index][:3, :3]  # rows: the head's axes in the camera's, x right, y up, z backwards
    left, top, right, bottom = data.face_box_px[index]
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    length = 0.45 * (right - left)
    for axis, colour in enumerate(((255, 60, 60), (60, 220, 60), (70, 110, 255))):
        end = middle + length * np.array([axes[axis, 0], -axes[axis, 1]])
        begin, tip = ((int(x), int(y)) for x, y in (middle.round(), end.round()))
        cv2.arrowedLine(picture, begin, tip, colour, 2, cv2.LINE_AA)
    return picture


ROWS: tuple[Row, ...] = (
    Row("POST", "/api/ahead", ahead, "say what a film would take: minutes, gigabytes, hours", Ahead),
    Row("GET", "/api/people/new", form, "say what may be given for a new person"),
    Row("POST", "/api/people", create, "begin with a new person", NewPerson, Made, 201),
    Row("POST", "/api/people/{person}/process", again, "process a person's film again", Footage, JobShown, 201),
    Row("GET", "/api/people/{person}/footage", footage, "return the report of processing"),
    Row("GET", "/api/people/{person}/footage/{name}", drawn, "return a picture of the report", gives="image/png"),
    Row("GET", "/api/people/{person}/frames/{index}.jpg", frame, "return a frame", gives="image/jpeg",
        query={"layers": "what is drawn over it: landmarks, masks, pose"}),
)  # fmt: skip
