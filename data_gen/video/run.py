"""Turn a video of a talking person into a dataset: any size, rate, codec and length, one face, with sound."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from data_gen.video.job import VideoJob, check_job
from utils.arguments import Positional
from utils.assets import fetch_missing
from utils.config.schema import Config
from utils.errors import DataError
from utils.files.tables import read_json
from utils.media.video import probe
from utils.offline import go_offline
from utils.paths import existing_file
from utils.processes.memory import keep_freed_memory


class VideoCommand(Config):
    id: Annotated[str, Positional()]
    """name of the person's dataset: letters, digits, _ . -"""
    video: Annotated[Path, Positional()]
    """the video file"""
    size: int = 512
    """side of the square pictures in pixels"""
    landmarks: str = "auto"
    """auto, mediapipe, face_alignment or dlib"""
    parsing: str = "auto"
    """auto, bisenet (non-commercial weights) or grabcut"""
    licence: str = ""
    """note on the footage's licence, kept in the dataset (as it was given before)"""
    consent: str = ""
    """note on the person's consent, kept in the dataset (as it was given before)"""
    audio_features: str = ""
    """more speech features than mel, mfcc, whisper, whisper:3-5, hubert: whisper:2, ..."""
    data_dir: Path = Path("data")
    """where processed/ and binary/ lie"""
    start_s: float = 0.0
    """use the video from this second on"""
    duration_s: float | None = None
    """use so many seconds of it"""
    val_seconds: float | None = None
    """hold out so many seconds at the end (a tenth of the video)"""
    train_seconds: float | None = None
    """learn from so many seconds at the beginning only (all that is not held out)"""
    audio_track: int | None = None
    """which of the video's tracks of sound is heard, from 1 on (the loudest)"""
    lossless: bool = False
    """keep every value of the pictures, in more than twice the room; without it frames are JPEG (47 dB and more)"""
    redo: tuple[str, ...] = ()
    """do a stage again; may be repeated"""
    offline: bool = False
    """fetch nothing; without it free weights that are not here are fetched once, when the person is new"""

    dry_run: bool = False
    """only say how much video there is, which stages would be done and what would be written; nothing is written"""

    @property
    def job(self) -> VideoJob:
        """Return what is to be made."""
        return VideoJob(**self.model_dump(exclude={"offline", "dry_run"}))


def look(command: VideoCommand) -> None:
    """Tell slips, and that the video is not there, before anything heavy is imported."""
    job = command.job
    check_job(job)
    existing_file(job.video)
    _ = job.more_features  # a name that none has is told now


def main(command: VideoCommand) -> None:
    """Process the video."""
    # What processes videos imports OpenCV and detectors, which takes a second that a slip should not wait.
    from data_gen.video.ahead.rehearsal import rehearse
    from data_gen.video.pipeline import process_video

    refuse_early(command.job)
    if command.offline:
        go_offline()
    weights = wanted_weights(command.job)
    if command.dry_run:
        print(rehearse(keep_permissions(command.job), weights))
        return
    fetch_missing(weights)
    keep_freed_memory()  # else every picture is new pages to the system, a quarter of the time of carrying masks
    process_video(keep_permissions(command.job))


def refuse_early(job: VideoJob) -> None:
    """Refuse what is no video, and a place that is no folder: nobody should wait for weights to be told that."""
    for place in (job.processed, *job.processed.parents):
        if place.is_file():
            raise DataError(f"{place} is a file. Choose another --data_dir or --id.")
    probe(job.video)


def wanted_weights(job: VideoJob) -> list[str]:
    """List the free weights that a job is better with.

    None when the person was processed before: with new weights stages would be made again, and what was trained on
    them would no longer fit.
    """
    if (job.processed / "landmarks" / "stage.json").exists():
        return []
    names = ["whisper_base_encoder", "lpips_alexnet"]
    follows = job.landmarks in ("auto", "mediapipe") and importlib.util.find_spec("mediapipe") is not None
    return ["face_landmarker", *names] if follows else names


def keep_permissions(job: VideoJob) -> VideoJob:
    """Take licence and consent from the dataset that is made again, where they were not given this time."""
    try:
        meta = read_json(job.binary / "meta.json")
    except DataError:
        return job
    kept = meta if isinstance(meta, dict) else {}
    return replace(
        job, licence=job.licence or str(kept.get("licence", "")), consent=job.consent or str(kept.get("consent", ""))
    )
