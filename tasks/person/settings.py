"""What may be typed after the commands around one person's networks; nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from utils.arguments import Assignments, Flag, Positional, Steps, find, must
from utils.config.assignments import split_assignment, typed_assignment
from utils.config.schema import Config, Count, Whole
from utils.paths import existing_file

BOTH = ("tasks.speaking.settings:InferSettings", "tasks.renderer.config:NerfConfig")
"""Whose settings a talking head takes: how it speaks, and how it is drawn."""


class TrainCommand(Config):
    id: Annotated[str, Positional()]
    """the id given to data_gen/run.py video --id"""
    preset: str = ""
    """set of recipes: person (a GPU or a night), person_small (two cores), demo (that of the last time, or person)"""
    audio_feature: str = ""
    """speech feature: mel, mfcc, whisper, hubert, ... (the first of whisper:3-5, whisper, mel that is there)"""
    settings: Annotated[tuple[str, ...], Flag("set"), Assignments()] = ()
    """a setting of every stage that has it, or STAGE.NAME=VALUE of one; may be repeated"""
    binary_data_dir: str = ""
    """where processed videos lie (data/binary/videos)"""
    reset: bool = False
    """train anew; old runs are set aside"""
    dry_run: bool = False
    """only say which stages would be trained, for how many updates and how long, by what is known of two cores"""


class HeadCommand(Config):
    """Say how a trained head is used."""

    renderer: Literal["auto", "lm3d_nerf_torso", "lm3d_nerf", "lm3d_nerf_portrait"] = "auto"
    """lm3d_nerf draws the head over the footage's own torso, which is sharper; lm3d_nerf_portrait fits its lower
    face into the true frame"""
    steps: Steps = "best"
    """which checkpoints: best, last or a number"""
    device: str = "auto"
    """auto, cpu, cuda, mps (Apple's GPU: untested, and never what auto takes)"""
    seed: Whole = 9999
    """decides what is random"""
    settings: Annotated[tuple[str, ...], Flag("set"), Assignments(BOTH)] = ()
    """a setting; may be repeated, and given as a flag of its own: --infer_scale_factor=0.5"""


def _is_there(path: Path) -> Path:
    existing_file(path)
    return path


Sound = Annotated[Path, AfterValidator(_is_there)]
"""A file that is looked for before seconds are spent on loading networks."""


Mp4 = Annotated[
    Path, Positional(), must(lambda out: out.suffix.lower() == ".mp4", "the video is an mp4; end its name in .mp4")
]


class InferCommand(HeadCommand):
    id: Annotated[str, Positional()]
    """who speaks"""
    audio: Annotated[Sound, Positional()]
    """what is said: any sound or video file, any length"""
    out: Mp4
    """the mp4 to write"""
    audio_track: Count | None = None
    """which of its tracks of sound is heard, from 1 on (the loudest)"""


class DubCommand(HeadCommand):
    """Put new speech into the video that a person was made of, at its size and rate, for as long as the sound lasts.

    Only the lower face is drawn; all else stays as it is in the video."""

    id: Annotated[str, Positional()]
    """who speaks"""
    video: Annotated[Path, Positional()]
    """the video that was processed for them"""
    audio: Annotated[Path, Positional()]
    """what is said: any sound or video file"""
    out: Mp4
    """the mp4 to write"""
    start_s: Annotated[float, Field(ge=0)] = 0.0
    """where in the video the speech begins, in seconds"""
    audio_track: Count | None = None
    """which of its tracks of sound is heard, from 1 on (the loudest)"""


class BatchCommand(HeadCommand):
    """Speak many sounds, each into an mp4 of its name. One that cannot be made does not stop the others (exit code 2).

    Given again, it skips films that are whole and of the same sound, networks and settings.
    """

    id: Annotated[str, Positional()]
    """who speaks"""
    sounds: Annotated[tuple[Path, ...], Positional()] = ()
    """sounds of any format, folders of them, or a .csv with a column `sound`"""
    texts: Annotated[tuple[str, ...], Flag("text")] = ()
    """a text that espeak-ng speaks, as in the demo: not the person's voice; may be repeated"""
    out: Path | None = None
    """folder of the films (infer_out/<id>)"""


class PlayCommand(HeadCommand):
    id: Annotated[str, Positional()]
    """who speaks"""
    audio: Annotated[tuple[Sound, ...], Positional()] = ()
    """what may be said; others can be sent to the page"""
    port: Annotated[int, must(lambda port: 0 <= port <= 65535, "a port is a number from 0 to 65535")] = 8025
    """of 127.0.0.1; 0 takes a free one"""
    max_upload_mb: Annotated[
        float, must(lambda size: 0 < size <= 100_000, "must be more than 0, and at most 100,000")
    ] = 100
    """largest sound that the page takes"""


class EvaluateCommand(HeadCommand):
    id: Annotated[str, Positional()]
    """whom"""
    protocol: Literal["own", "peers"] = "own"
    """own judges the drawn head in boxes; peers judges whole frames as published systems do, for every infer_compose"""
    frames: Count | None = None
    """at most so many held-out frames (250; with peers all)"""
    out: Path | None = None
    """folder to write (infer_out/<id>/evaluation)"""
    json_: Annotated[bool, Flag("json")] = False
    """one JSON object on standard output, what metrics.json holds; all else goes to standard error"""


class CheckCommand(Config):
    id: Annotated[str, Positional()]
    """whom"""
    binary_dir: Path = Path("data/binary/videos")
    """where videos lie"""
    checkpoints: Path | None = None
    """folder of the runs (checkpoints/<id>)"""
    steps: Steps = "best"
    """which checkpoints: best, last or a number"""
    frames: Annotated[int, Field(ge=0)] = 8
    """held-out frames to render; 0 leaves that out"""
    out: Path | None = None
    """JSON to write (infer_out/<id>/check.json)"""
    json_: Annotated[bool, Flag("json")] = False
    """one JSON object on standard output, what check.json holds; all else goes to standard error"""


class DoctorCommand(Config):
    """Look at this machine: Python, torch, GPU, ffmpeg, disk, processor, outside weights. Exit code 2: mend first."""

    json_: Annotated[bool, Flag("json")] = False
    """one JSON object in place of lines"""


def settings_of(command: HeadCommand) -> dict[str, Any]:
    """Return the settings that were typed, read as their types ask: a name stays as it is, a number is one."""
    schemas = [find(place) for place in BOTH]
    values = {}
    for text in command.settings:
        name = split_assignment(text)[0].split(".")[0]
        schema = next((one for one in schemas if name in one.model_fields), schemas[0])
        dotted, value = typed_assignment(schema, text)
        values[dotted] = value
    if isinstance(command, InferCommand | DubCommand) and command.audio_track is not None:
        values["infer_audio_track"] = command.audio_track
    return values
