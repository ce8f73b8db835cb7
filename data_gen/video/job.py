"""What to make of which video, and what of it cannot be done."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from data_gen.speech_features import feature_width
from utils.errors import ConfigError, nearest
from utils.faces.detector import DetectorName
from utils.rates import FPS

STAGE_NAMES = (
    "probe", "convert", "cuts", "landmarks", "sync", "camera", "parsing", "plate", "audio", "dataset", "report",
)  # fmt: skip
PICTURES_OF = {
    "convert": {"frames": (0.5, 1.3)},
    "parsing": {"head_mask": (0.1, 0.1), "neck_mask": (0.04, 0.04), "torso_mask": (0.09, 0.09)},
    "plate": {"torso_frames": (0.32, 0.85)},
}
"""Stage -> its pictures of every frame -> bytes a pixel as JPEG and without loss: of real footage, rounded up."""
STAGE_FILES = (
    "stage.json", "arrays.safetensors", "audio.wav", "background.npy", "report.md", "report.json",
    "contact_sheet.png", "curves.png",
    *(name + suffix for names in PICTURES_OF.values() for name in names for suffix in (".safetensors", ".npy")),
)  # fmt: skip
"""All that stages write into their folders, or did in earlier versions."""
ParserName = Literal["auto", "bisenet", "grabcut"]
SHORTEST_S = 2.0
"""A shorter video teaches nothing."""
MIN_FRAMES = 12
"""Shorter runs of one shot hold no stretch of speech and another one to compare it with; training leaves them out."""
_VALIDATION_SHARE = 0.1
LEAST_SPLIT_S, MOST_SPLIT_S = 0.5, 1e9
"""As `MIN_FRAMES`, in seconds."""


@dataclass(frozen=True)
class VideoJob:
    """What to make of which video.

    Attributes:
        id: Name of the person's dataset: letters, digits, `_`, `.`, `-`.
        video: Any file that ffmpeg reads, with sound.
        size: Side of the square pictures in pixels; a multiple of 32.
        landmarks: auto, mediapipe, face_alignment or dlib.
        parsing: auto, bisenet or grabcut.
        audio_features: More speech features than those that are always made, comma-separated: whisper:3-6, ...
        start_s, duration_s: The part of the video to use; by default all of it.
        val_seconds: How much of the end is held out; a tenth when not given.
        train_seconds: How much of the beginning is learnt from; all that is not held out when not given.
        audio_track: Which track of sound is heard, from 1 on; None is the loudest.
        lossless: Keep every value of frames and torso frames, in more than twice the room.
        redo: Stages to do again although nothing changed.
    """

    id: str
    video: Path
    size: int = 512
    landmarks: str = "auto"
    parsing: str = "auto"
    licence: str = ""
    consent: str = ""
    audio_features: str = ""
    data_dir: Path = Path("data")
    start_s: float = 0.0
    duration_s: float | None = None
    val_seconds: float | None = None
    train_seconds: float | None = None
    audio_track: int | None = None
    lossless: bool = False
    redo: tuple[str, ...] = ()

    @property
    def more_features(self) -> list[str]:
        """List the speech features that were asked for by name.

        Raises:
            DataError: One is called as none is.
        """
        names = [name.strip() for name in self.audio_features.split(",") if name.strip()]
        for name in names:
            feature_width(name)
        return names

    @property
    def processed(self) -> Path:
        """Return where the stages lie."""
        return self.data_dir / "processed" / "videos" / self.id

    @property
    def binary(self) -> Path:
        """Return where the dataset lies."""
        return self.data_dir / "binary" / "videos" / self.id


def first_held_out(frames: int, val_seconds: float | None = None) -> int:
    """Return the first frame of the end that is held out to validate on: a tenth, and enough for one run.

    With `val_seconds` that much is held out, which may be more than there is: the frame is then below 0.
    """
    if val_seconds is not None:
        return frames - round(val_seconds * FPS)
    return frames - max(MIN_FRAMES, round(_VALIDATION_SHARE * frames))


def picture_bytes(frames: int, size: int, lossless: bool = False) -> dict[str, dict[str, int]]:
    """Return about how many bytes the pictures of so many frames of `size` x `size` take: stage -> name -> bytes."""
    return {
        stage: {name: round(frames * size * size * rates[lossless]) for name, rates in names.items()}
        for stage, names in PICTURES_OF.items()
    }


def lossless_settings(job: VideoJob) -> dict[str, Any]:
    """Return that nothing is to be lost, where that was asked for: else stages are the same as before it could be."""
    return {"lossless": True} if job.lossless else {}


def check_job(job: VideoJob) -> None:
    """Refuse, before any work, what cannot be done: all slips in one `ConfigError`."""
    slips = []
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", job.id):
        slips.append(f"--id '{job.id}': use letters, digits, '_', '.' and '-' only, and no '.' or '-' in front")
    if job.size < 64 or job.size % 32:
        slips.append(f"--size {job.size}: use a multiple of 32 from 64 on, as 256 or 512")
    if not 0 <= job.start_s < math.inf:
        slips.append(f"--start_s {job.start_s}: must be a number of seconds, 0 or more")
    if job.duration_s is not None and not SHORTEST_S <= job.duration_s < math.inf:
        slips.append(f"--duration_s {job.duration_s}: must be a number of seconds, {SHORTEST_S:.0f} or more")
    for flag, seconds in (("--val_seconds", job.val_seconds), ("--train_seconds", job.train_seconds)):
        if seconds is not None and not LEAST_SPLIT_S <= seconds < MOST_SPLIT_S:
            slips.append(f"{flag} {seconds}: must be a number of seconds, {LEAST_SPLIT_S:g} to {MOST_SPLIT_S:,.0f}")
    if job.audio_track is not None and job.audio_track < 1:
        slips.append(f"--audio_track {job.audio_track}: tracks are counted from 1")
    for flag, names, choices in (
        ("--landmarks", [job.landmarks], get_args(DetectorName)),
        ("--parsing", [job.parsing], get_args(ParserName)),
        ("--redo", list(job.redo), STAGE_NAMES),
    ):
        for name in names:
            if name not in choices:
                near = nearest(name, choices)
                hint = f"did you mean '{near}'? " if near else ""
                slips.append(f"{flag} {name}: {hint}known: {', '.join(choices)}")
    if slips:
        raise ConfigError("\n  ".join([f"{len(slips)} setting(s) to mend", *slips]))
