"""How training goes: a figure in words, its curve as numbers, the newest pictures of every stage."""

from __future__ import annotations

import csv
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from google.protobuf.message import DecodeError
from starlette.responses import Response

from tasks.core.checkpoints import recipe_of
from tasks.person.page.guard import Refused
from tasks.person.runs import STAGES
from tasks.person.settings import TrainCommand
from tasks.person.studio.answers import Ask, RefusedFields, Row
from tasks.person.studio.jobs.store import Job
from tasks.person.studio.people import card
from tasks.person.studio.schemas import JobShown, Training
from tasks.person.studio.studio import Studio
from tasks.registry import schema_of
from utils.arguments import read_words
from utils.config.assignments import assignment
from utils.errors import ConfigError

PRESETS: list[dict[str, Any]] = [
    {"name": "person", "said": "a GPU, or two cores and a night", "size": 512},
    {"name": "person_small", "said": "two cores and a quarter of an hour: smaller networks and pictures", "size": 256},
    {"name": "demo", "said": "to try it out: small networks, few updates", "size": 256},
]
"""Sets of recipes that a page offers, and the size of pictures that they draw."""


@dataclass(frozen=True)
class Figure:
    """A figure of a stage: its name in metrics.csv, what it says, a form for words, and which way is better."""

    name: str
    said: str
    words: str
    better: str
    scale: float = 1.0


_LIPS = Figure(
    "val/lip_correlation", "lips follow unheard speech, correlation",
    "On unheard speech the lips open and close as the real ones do: r = {:.2f} (1 is the same)", "higher",
)  # fmt: skip
_FACE = Figure(
    "val/face_psnr", "likeness of the drawn face, dB",
    "The drawn face is like the real one to {:.1f} dB (30 is good)", "higher",
)  # fmt: skip
_LOSS = Figure("tr/total_loss", "loss while it learns", "{:.4f}", "lower")
_VAL = Figure("val/total_loss", "loss on held-out footage", "{:.4f}", "lower")
FIGURES = {
    "syncnet": Figure("val/offset_within_1", "seconds of speech whose offset is found within a frame, %",
                      "In {:.0f} % of seconds it hears within a frame when lips and sound fit", "higher", 100),
    "lm3d_vae_sync": _LIPS, "postnet": _LIPS, "lm3d_nerf": _FACE, "lm3d_nerf_torso": _FACE,
    "lm3d_nerf_portrait": _FACE,
}  # fmt: skip
MOST_POINTS = 300
"""Points of a curve that are sent."""
MOST_RECORD = 64 << 20
"""Bytes of one record in a file of TensorBoard; what is longer is none."""
MOST_BOARDS = 12
"""Files of TensorBoard whose newest pictures are kept between requests."""


def curves(run: Path, stage: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return a stage's newest figure in words, and its curves, as metrics.csv has them."""
    wanted = [FIGURES[stage], _VAL, _LOSS]
    points: dict[str, list[tuple[int, float]]] = {figure.name: [] for figure in wanted}
    try:
        with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for figure in wanted:
                    try:
                        value = float(row.get(figure.name) or "nan") * figure.scale
                        update = int(row.get("update") or "")
                    except (ValueError, TypeError):
                        continue
                    if value == value and abs(value) != float("inf"):
                        points[figure.name].append((update, value))
    except (OSError, UnicodeDecodeError, csv.Error):
        pass
    shown = [
        {"name": figure.name, "said": figure.said, "better": figure.better, "points": _thinned(points[figure.name])}
        for figure in wanted if points[figure.name]
    ]  # fmt: skip
    first = wanted[0]
    if not points[first.name]:
        return None, shown
    update, value = points[first.name][-1]
    words = first.words.format(value)
    return {"name": first.name, "value": value, "update": update, "said": words, "better": first.better}, shown


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Keep some hundreds of points, the last among them."""
    step = -(-len(points) // MOST_POINTS)
    return points[::-1][::step][::-1] if step > 1 else points


@dataclass
class Board:
    """The newest pictures in a file of TensorBoard; what was added since is read when it is asked for again."""

    file: Path
    pictures: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    offset: int = 0

    def read(self) -> None:
        """Go on reading where the last time ended; of every picture only the newest is kept.

        TensorBoard's own reader adds up checksums in Python, for seconds a run. A record is its length in 8 bytes, 4 of
        a checksum, the event, and 4 more.

        Raises:
            DecodeError: It is damaged.
        """
        from tensorboard.compat.proto.event_pb2 import Event  # takes a second

        with self.file.open("rb") as opened:
            opened.seek(self.offset)
            while len(head := opened.read(12)) == 12 and (length := int.from_bytes(head[:8], "little")) < MOST_RECORD:
                record = opened.read(length + 4)
                if len(record) < length + 4:  # it is being written
                    break
                event = Event.FromString(record[:-4])
                self.offset += 12 + len(record)
                for value in event.summary.value:
                    if value.HasField("image"):
                        self.pictures[value.tag] = (event.step, value.image.encoded_image_string)


class Boards:
    """Keep the boards that were looked at last."""

    def __init__(self) -> None:
        self._boards: OrderedDict[Path, Board] = OrderedDict()
        self._lock = threading.Lock()

    def pictures(self, run: Path) -> dict[str, tuple[int, bytes]]:
        """Return tag -> (update, encoded picture) of a run, the newest of each."""
        files = sorted((run / "tb_logs").glob("events.out.tfevents.*"), key=_when)
        pictures: dict[str, tuple[int, bytes]] = {}
        with self._lock:
            for file in files[-3:]:  # a run that was resumed has more than one
                board = self._boards.pop(file, None) or Board(file)
                self._boards[file] = board
                while len(self._boards) > MOST_BOARDS:
                    self._boards.popitem(last=False)
                try:
                    board.read()
                except (OSError, DecodeError):  # what was read before the damage is shown
                    pass
                pictures |= board.pictures
        return pictures


def _when(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def boards_of(studio: Studio) -> Boards:
    """Return the boards that a studio keeps."""
    boards: Boards = studio.notes.setdefault("boards", Boards())
    return boards


def kind_of(picture: bytes) -> str:
    """Tell what an encoded picture is."""
    kinds = {b"GIF8": "image/gif", b"\xff\xd8": "image/jpeg"}
    return next((kind for start, kind in kinds.items() if picture.startswith(start)), "image/png")


def training(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Say how a person's training goes."""
    person = studio.person(ask.part("person"))
    shown = card(studio, person)
    jobs = studio.jobs.every(person, "train")
    stages = []
    for stage in shown.stages[1:]:
        run = studio.runs(person) / stage.name
        figure, lines = curves(run, stage.name)
        address = f"/api/people/{person}/training/{stage.name}/picture"
        pictures = [
            {"tag": tag, "title": _title(tag), "update": update, "type": kind_of(picture),
             "kind": "animation" if kind_of(picture) == "image/gif" else "picture",
             "url": f"{address}?{urlencode({'tag': tag, 'update': update})}"}
            for tag, (update, picture) in sorted(boards_of(studio).pictures(run).items())
        ]  # fmt: skip
        stages.append({**stage.model_dump(), "figure": figure, "curves": lines, "pictures": pictures})
    job = studio.show(jobs[0]).model_dump(mode="json") if jobs else None
    return {"preset": shown.preset, "presets": PRESETS, "job": job, "stages": stages}


def _title(tag: str) -> str:
    name, _, rest = tag.partition("/")
    number, _, more = rest.partition("_")
    words = f"{name} {more}".replace("_", " ").strip()
    return words[:1].upper() + words[1:] + (f" ({int(number) + 1})" if number.isdigit() else "")


def picture(studio: Studio, ask: Ask) -> Response:
    """Return the newest picture of a tag."""
    person, stage = studio.person(ask.part("person")), ask.part("stage")
    if stage not in STAGES:
        raise Refused(404, f"no stage is called so: {', '.join(STAGES)}")
    shown = boards_of(studio).pictures(studio.runs(person) / stage).get(ask.word("tag"))
    if shown is None:
        raise Refused(404, "there is no such picture yet")
    return Response(shown[1], media_type=kind_of(shown[1]))


def choose_preset_of(preset: str) -> str:
    """Return a set of recipes.

    Raises:
        RefusedFields: There is none of this name.
    """
    try:
        if "/" in preset or ".." in preset:
            raise ConfigError("no name of a preset")
        for stage in STAGES:
            recipe_of(preset, stage)
    except ConfigError:
        names = ", ".join(one["name"] for one in PRESETS)
        raise RefusedFields({"preset": f"no preset is called '{preset[:40]}'; known: {names}"}) from None
    return preset


def training_job(
    studio: Studio, person: str, preset: str, settings: dict[str, Any], *, reset: bool = False, after: str = ""
) -> Job:  # fmt: skip
    """Return the job that trains a person.

    Raises:
        ConfigError: No stage has such a setting.
    """
    names = {f"{stage}.{name}" for stage in STAGES for name in schema_of(stage).model_fields}
    names |= {name.split(".", 1)[1] for name in names}
    starts = {name: (".".join(name.split(".")[:2]), name.split(".")[0]) for name in settings}
    if unknown := [name for name, both in starts.items() if not names & set(both)]:
        raise RefusedFields({f"settings.{name}": "no stage has such a setting" for name in unknown})
    words = ["train", person, *([f"--preset={preset}"] if preset else []), *(["--reset"] if reset else [])]
    for name, value in settings.items():
        words += ["--set", f"{name}={plain_value(value)}"]
        assignment(words[-1])
    read_words(TrainCommand, words[1:], "train")
    return studio.jobs.new(
        "train", person, words, title=f"Train {person}", settings=settings, after=after,
        request={"preset": preset, "reset": reset},
    )  # fmt: skip


def plain_value(value: Any) -> str:
    """Write a value as a command line has it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def train(studio: Studio, ask: Ask) -> JobShown:
    """Train a person."""
    person, asked = studio.person(ask.part("person")), ask.body
    if any(job.kind == "train" for job in studio.jobs.unended(person)):
        raise Refused(409, f"{person} is being trained already, or waits for it")
    processing = [job.id for job in studio.jobs.unended(person) if job.kind == "process"]
    shown = card(studio, person)
    if shown.frames == 0 and not processing:
        raise Refused(409, f"the footage of {person} is not processed yet")
    if shown.unpacked:
        raise Refused(409, f"{person} was unpacked, and the footage stays where they were made: train them there")
    if asked.preset:
        choose_preset_of(asked.preset)
    job = training_job(
        studio, person, asked.preset or shown.preset, asked.settings, reset=asked.reset,
        after=processing[-1] if processing else "",
    )  # fmt: skip
    return studio.queue(job)


ROWS: tuple[Row, ...] = (
    Row("GET", "/api/people/{person}/training", training, "say how training goes: figures, curves, pictures"),
    Row("GET", "/api/people/{person}/training/{stage}/picture", picture, "return the newest picture of a tag",
        gives="image/png", query={"tag": "which", "update": "of which update; only so that browsers ask anew"}),
    Row("POST", "/api/people/{person}/train", train, "train what is not trained yet", Training, JobShown, 201),
)  # fmt: skip
