"""Turn a video of a talking person into a dataset: any size, rate, codec and length, one face, with sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from data_gen.video.job import VideoJob, check_job
from utils.config.schema import Config
from utils.errors import DataError
from utils.files.tables import read_json
from utils.paths import existing_file


class VideoCommand(Config):
    id: str
    """name of the person's dataset: letters, digits, _ . -"""
    video: Path
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
    redo: tuple[str, ...] = ()
    """do a stage again; may be repeated"""


def look(command: VideoCommand) -> None:
    """Tell slips, and that the video is not there, before anything heavy is imported."""
    job = VideoJob(**command.model_dump())
    check_job(job)
    existing_file(job.video)
    _ = job.more_features  # a name that none has is told now


def main(command: VideoCommand) -> None:
    """Process the video."""
    # What processes videos imports OpenCV and detectors, which takes a second that a slip should not wait.
    from data_gen.video.pipeline import process_video

    process_video(keep_permissions(VideoJob(**command.model_dump())))


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
