"""What may be typed after the commands around one person's networks; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tasks.speaking.settings import Compose
from utils.arguments import Assignments, Flag, Positional, Steps, find, flag_of, marker, must
from utils.config.assignments import split_assignment, typed_assignment
from utils.config.schema import Config, Count, Positive, Whole
from utils.errors import ConfigError
from utils.media.marks.settings import Label
from utils.paths import existing_file

BOTH = ("tasks.speaking.settings:InferSettings", "tasks.renderer.config:NerfConfig")
"""Whose settings a talking head takes: how it speaks, and how it is drawn."""

SAID_BY_PLACE = {"infer_audio_source_name", "infer_cond_name", "infer_out_npy_name", "infer_out_video_name"}
"""Settings of --infer whose part the words of a command play."""


class TrainCommand(Config):
    id: Annotated[str, Positional()]
    """the id given to data_gen/run.py video --id"""
    preset: str = ""
    """set of recipes: person (a GPU or a night), person_small (two cores), demo (that of the last time, or person)"""
    audio_feature: str = ""
    """speech feature: mel, mfcc, hubert, ... (as before, or the first of whisper:3-5, ear, mel that is there)"""
    settings: Annotated[tuple[str, ...], Flag("set"), Assignments()] = ()
    """a setting of every stage that has it, or STAGE.NAME=VALUE of one; may be repeated"""
    binary_data_dir: str = ""
    """where processed videos lie (data/binary/videos)"""
    reset: bool = False
    """train anew; old runs are set aside"""
    dry_run: bool = False
    """only say which stages would be trained, for how many updates and how long, by what is known of two cores"""


@dataclass(frozen=True)
class Means:
    """Marks a flag in plain words for a setting of the talking head.

    Attributes:
        setting: Which one.
        values: What the setting is called for each word of the flag; nothing where they are the same.
    """

    setting: str
    values: Mapping[Any, Any] = field(default_factory=dict)


class HeadCommand(Config):
    """Say how a trained head is used."""

    id: Annotated[str, Positional()]
    """whose"""
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
    no_mark: Annotated[bool, Flag("no-mark"), Means("infer_mark", {True: False})] = False
    """what is made does not say that it is: no signed manifest, no tags, no pattern in the pictures"""
    label: Annotated[Label | None, Means("infer_label")] = None
    """a visible label: AI-generated in English, Chinese or both, or AI (none)"""


def _as_from_anywhere(name: str) -> str:
    return str(Path(name).absolute()) if Path(name).is_file() else name


Track = Annotated[Count | None, Means("infer_audio_track")]


class LooksCommand(HeadCommand):
    """Say in plain words how a person looks who speaks; each is a setting of another name, which may be given, too."""

    background: Annotated[str, AfterValidator(_as_from_anywhere), Means("infer_bg_img_fname")] = ""
    """what is seen behind: a picture, white, black, green, grey or '#rrggbb' (the footage's own)"""
    blink: Annotated[
        Literal["footage", "regular", "voice"] | None,
        Means("infer_inject_eye_blink_mode", {"footage": "gt", "regular": "period", "voice": "none"}),
    ] = None
    """eyes and brows: as in the footage, a still gaze with a blink now and then, or as the voice suggests (footage)"""
    size: Annotated[int, Field(ge=8, le=8192)] | None = None
    """height of the film in pixels (that of the training pictures)"""
    still: Annotated[bool, Means("infer_pose_mode", {True: "still"})] = False
    """the head keeps one pose in place of moving as in the footage"""
    mouth: Annotated[Positive | None, Means("infer_mouth_gain")] = None
    """how wide the mouth moves: 1.2 to 1.5 mends a mumbling mouth (1)"""
    compose: Annotated[Compose | None, Means("infer_compose")] = None
    """what is drawn: the lower face in the true frame, the head over the footage's shoulders, or all (portrait where
    pose and background are the footage's, else full)"""


def _is_there(path: Path) -> Path:
    existing_file(path)
    return path


Sound = Annotated[Path, AfterValidator(_is_there)]
"""A file that is looked for before seconds are spent on loading networks."""


Mp4 = Annotated[
    Path, Positional(), must(lambda out: out.suffix.lower() == ".mp4", "the video is an mp4; end its name in .mp4")
]


Mp4File = Annotated[Path, must(lambda out: out.suffix.lower() == ".mp4", "the video is an mp4; end its name in .mp4")]


class InferCommand(LooksCommand):
    audio: Annotated[Sound, Positional()]
    """what is said: any sound or video file, any length"""
    out: Mp4
    """the mp4 to write"""
    audio_track: Track = None
    """which of its tracks of sound is heard, from 1 on (the loudest)"""


class DubCommand(HeadCommand):
    """Put new speech into the video that a person was made of, at its size and rate, for as long as the sound lasts.

    Only the lower face is drawn; all else stays as it is in the video."""

    video: Annotated[Path, Positional()]
    """the video that was processed for them"""
    audio: Annotated[Path, Positional()]
    """what is said: any sound or video file"""
    out: Mp4
    """the mp4 to write"""
    start_s: Annotated[float, Field(ge=0)] = 0.0
    """where in the video the speech begins, in seconds"""
    audio_track: Track = None
    """which of its tracks of sound is heard, from 1 on (the loudest)"""


class SpeakCommand(LooksCommand):
    """Speak one sound into a film, ID SOUND OUT.mp4, or many, each into an mp4 of its name, with networks loaded once.

    One of many that cannot be made does not stop the others (exit code 2). Given again, the command skips those films
    that are whole and of the same sound, networks and settings.
    """

    sounds: Annotated[tuple[Path, ...], Positional()] = ()
    """sounds or videos of any format, folders of them, or a .csv with a column `sound`; SOUND OUT.mp4 names the film"""
    texts: Annotated[tuple[str, ...], Flag("text")] = ()
    """a text that espeak-ng speaks, as in the demo: not the person's voice; may be repeated"""
    out: Path | None = None
    """folder of the films, or the mp4 to write when there is one sound or text (infer_out/<id>)"""
    audio_track: Track = None
    """which of their tracks of sound is heard, from 1 on (the loudest)"""
    live: Mp4File | None = None
    """a second mp4 that grows while one film is drawn, to be watched meanwhile; it may be deleted afterwards"""


class PlayCommand(LooksCommand):
    audio: Annotated[tuple[Sound, ...], Positional()] = ()
    """what may be said; others can be sent to the page"""
    port: Annotated[int, must(lambda port: 0 <= port <= 65535, "a port is a number from 0 to 65535")] = 8025
    """of 127.0.0.1; 0 takes a free one"""
    max_upload_mb: Annotated[
        float, must(lambda size: 0 < size <= 100_000, "must be more than 0, and at most 100,000")
    ] = 100
    """largest sound that the page takes"""


class StudioCommand(Config):
    """Open the studio: a page on this machine (127.0.0.1) that leads from a video to a speaking person.

    Data, runs and films are those of the commands. What it begins goes on when it ends, and is found when it starts.
    """

    port: Annotated[int, must(lambda port: 0 <= port <= 65535, "a port is a number from 0 to 65535")] = 8026
    """of 127.0.0.1; 0 takes a free one"""


class EvaluateCommand(HeadCommand):
    protocol: Literal["own", "peers"] = "own"
    """own judges the drawn head in boxes; peers judges whole frames as published systems do, for every infer_compose"""
    frames: Count | None = None
    """at most so many held-out frames (250; with peers all)"""
    timings: Annotated[Path, AfterValidator(_is_there)] | None = None
    """when what is said in the video, to count closures at p, b and m: a CSV of start_s,end_s,text (words, or sounds),
    or the demo's .truth.json (all closures of the real lips count)"""
    out: Path | None = None
    """folder to write (infer_out/<id>/evaluation)"""
    json_: Annotated[bool, Flag("json")] = False
    """one JSON object on standard output, what metrics.json holds; all else goes to standard error"""


class CheckCommand(Config):
    id: Annotated[str, Positional()]
    """whom; or a run of another family than the talking head's: demo/ve_conv"""
    binary_dir: Path = Path("data/binary/videos")
    """where videos lie"""
    checkpoints: Path | None = None
    """folder of the runs (checkpoints/<id>)"""
    steps: Steps = "best"
    """which checkpoints: best, last or a number"""
    frames: Annotated[int, Field(ge=0)] = 8
    """held-out frames to render; 0 leaves that out"""
    out: Path | None = None
    """JSON to write (infer_out/<id>/check.json); a run's contact sheet goes beside it"""
    json_: Annotated[bool, Flag("json")] = False
    """one JSON object on standard output, what check.json holds; all else goes to standard error"""


class DoctorCommand(Config):
    """Look at this machine: Python, torch, GPU, ffmpeg, disk, processor, outside weights. Exit code 2: mend first."""

    json_: Annotated[bool, Flag("json")] = False
    """one JSON object in place of lines"""


class VerifyCommand(Config):
    """Look at films and pictures from anywhere: whether they say that this program made them, and of which run.

    Looked for: a signed manifest (C2PA), plain tags, the pattern in the pictures; a label is known by the tags. Exit
    code 0: each bears one; 1: one of them bears none; 2: one cannot be read."""

    files: Annotated[tuple[Path, ...], Positional()]
    """films and pictures"""
    json_: Annotated[bool, Flag("json")] = False
    """one JSON object in place of lines"""


def settings_of(command: HeadCommand) -> dict[str, Any]:
    """Return the settings that were typed, read as their types ask: a name stays as it is, a number is one.

    Raises:
        ConfigError: One is typed twice, or is read by nothing while a person speaks.
    """
    schemas = [find(place) for place in BOTH]
    values = {}
    for text in command.settings:
        name = split_assignment(text)[0].split(".")[0]
        schema = next((one for one in schemas if name in one.model_fields), schemas[0])
        dotted, value = typed_assignment(schema, text)
        values[dotted] = value
    for name, info in type(command).model_fields.items():
        means, word = marker(info, Means), getattr(command, name)
        if means is None or word == info.default:
            continue
        if means.setting in values:
            raise ConfigError(f"--{flag_of(name, info)} and {means.setting} say the same. Give one of them.")
        values[means.setting] = means.values.get(word, word)
    speaking, drawing = schemas
    idle = drawing.model_fields.keys() - speaking.model_fields.keys() - find("tasks.renderer.config:DRAWN")
    if useless := [name for name in values if name.split(".")[0] in idle | SAID_BY_PLACE]:
        raise ConfigError(
            f"{', '.join(useless)}: nothing reads that while a person speaks. Leave it out: settings of training are "
            "given to train, and sounds, films, --seed, --steps and --device have a place of their own (--help)."
        )
    return values
