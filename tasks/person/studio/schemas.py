"""What the studio is asked and what it answers; `/api/openapi.json` is written from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.person.studio.jobs.store import Kind, State

PERSON = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
"""How a person may be called: a part of paths, and of nothing else."""
UPLOAD = r"^[0-9a-f]{16}$"
Person = Annotated[str, Field(pattern=PERSON)]
UploadId = Annotated[str, Field(pattern=UPLOAD)]
Words = Annotated[str, Field(min_length=3, max_length=500)]
Value = str | bool | int | float | None
Settings = Annotated[dict[Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]{0,80}$")], Value], Field(max_length=60)]
Purpose = Literal["film", "sound", "pack", "picture", "template"]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
TEXT = 5000
"""Characters of a text to speak."""


class Asked(BaseModel):
    """A body of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Nothing(Asked):
    """A request that says no more than its address."""


class NewUpload(Asked):
    """A file that will be sent in pieces."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    bytes: Annotated[int, Field(ge=16, le=10**15)]
    purpose: Purpose


class Ahead(Asked):
    """What should be told before it is begun."""

    upload: UploadId
    size: Annotated[int, Field(ge=64, le=2048)] = 512
    preset: str = "person"
    start_s: Seconds = 0
    duration_s: Seconds | None = None


class Footage(Asked):
    """How a film is processed."""

    size: Annotated[int, Field(ge=64, le=2048)] = 512
    start_s: Seconds = 0
    duration_s: Seconds | None = None
    landmarks: str = "auto"
    parsing: str = "auto"
    audio_features: str = ""
    redo: list[str] = []


class NewPerson(Footage):
    """A person to make of a film."""

    id: Person
    upload: UploadId
    consent: Words
    """Who agreed to what."""
    licence: Words
    """On which terms the film may be used."""
    preset: str = "person"
    train: bool = False
    """Train as soon as the film is processed."""
    settings: Settings = {}
    """Of training."""


class Training(Asked):
    """What to train."""

    preset: str = ""
    settings: Settings = {}
    reset: bool = False


class Speaking(Asked):
    """What to say: a text, a sound that was sent, or that of an earlier film."""

    text: Annotated[str, Field(max_length=TEXT)] = ""
    voice: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z0-9]{1,12}){0,2}$")] = "en-us"
    upload: UploadId | None = None
    again: str | None = None
    settings: Settings = {}
    title: Annotated[str, Field(max_length=200)] = ""


class Dubbing(Speaking):
    """The same, into the person's own film."""

    start_s: Seconds = 0
    film: UploadId | None = None


class Checking(Asked):
    """How much to look at."""

    frames: Annotated[int, Field(ge=0, le=10_000)] = 8


class Measuring(Asked):
    """How to compare with held-out footage."""

    protocol: Literal["own", "peers"] = "own"
    frames: Annotated[int, Field(ge=1, le=100_000)] | None = None


class Packing(Asked):
    """What to pack."""

    renderer: Literal["auto", "lm3d_nerf_torso", "lm3d_nerf"] = "auto"


class Unpacking(Asked):
    """A pack that was sent."""

    upload: UploadId
    id: Person | None = None


class Deleting(Asked):
    """Whom to delete, once more."""

    confirm: str


class Problem(BaseModel):
    """Why something was not done."""

    error: str
    fields: dict[str, str] | None = None
    offset: int | None = None


class Upload(BaseModel):
    """How far a file has arrived."""

    id: str
    name: str
    purpose: Purpose
    bytes: int
    offset: int
    done: bool
    about: dict[str, Any] | None


class Uploads(BaseModel):
    """Files that are not used yet."""

    uploads: list[Upload]


class JobShown(BaseModel):
    """One run of a command."""

    id: str
    kind: Kind
    person: str
    title: str
    state: State
    created: float
    started: float | None
    ended: float | None
    attempts: int
    code: int | None
    error: str
    before: int
    progress: dict[str, Any] | None
    settings: dict[str, Any]
    request: dict[str, Any]
    resumable: bool
    files: dict[str, str]


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobShown]


class Films(BaseModel):
    """Films of a person, newest first."""

    films: list[JobShown]


Progress = Literal["none", "part", "running", "done"]
"""How far a stage is."""


class StageShown(BaseModel):
    """How far one stage of a person is."""

    name: str
    title: str
    state: Progress
    done: int
    total: int | None


class PersonShown(BaseModel):
    """A person."""

    id: str
    state: Literal["new", "processing", "processed", "training", "trained"]
    poster: str | None
    consent: str
    licence: str
    seconds: float
    size_px: int
    frames: int
    unpacked: bool
    film: bool
    bytes: dict[str, int]
    stages: list[StageShown]
    preset: str
    speaks: bool
    jobs: list[str]


class People(BaseModel):
    """All persons."""

    people: list[PersonShown]


class Made(BaseModel):
    """A new person, and what was begun."""

    person: PersonShown
    jobs: list[JobShown]


class FieldShown(BaseModel):
    """A setting as a control."""

    name: str
    title: str
    kind: Literal["choice", "number", "whole", "switch", "text"]
    default: Any
    choices: list[str]
    least: float | None
    most: float | None
    help: str
    group: Literal["plain", "more"]
