"""Say what processing a video would do and take, and write nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.stages import Done, Work, Workshop
from data_gen.video.ahead.costs import by_kind, costs
from data_gen.video.convert import refuse_long_split
from data_gen.video.job import VideoJob, check_job
from data_gen.video.pipeline import do_stages, redone
from data_gen.video.sound import feature_names
from utils.assets import missing
from utils.errors import DataError
from utils.faces.detectors import detector_name
from utils.media.ffmpeg import measured_s
from utils.media.video import probe
from utils.offline import fetched_words, is_offline
from utils.rates import FPS
from utils.sound.content_features import BEST_WHISPER


@dataclass
class Rehearsal(Workshop):
    """Go through the stages as a workshop does, and only note which would be done."""

    wanted: list[str] = field(default_factory=list)

    def run(self, name: str, work: Work, *, version: int, needs: tuple[str, ...] = (), **settings: Any) -> Done:
        """Note a stage that is to be done; what builds on it is to be done too."""
        kept = None
        if not set(needs) & set(self.wanted):
            kept = self.kept(name, version=version, needs=needs, **settings)
        if kept is None:
            self.wanted.append(name)
            kept = Done(name, self.folder / name, {}, "", 0.0)
        self.done[name] = kept
        return kept


def frames_of(job: VideoJob) -> int:
    """Return how many frames would be used.

    Raises:
        DataError: Nobody can say how long the file is, it ends before `start_s`, or is too short for what is held out.
    """
    length_s = probe(job.video).duration_s or measured_s(Path(job.video))
    if not length_s and job.duration_s is None:
        raise DataError(f"{job.video} does not say how long it is. Say how much of it is used: --duration_s")
    refuse_long_split(job, length_s)
    left_s = length_s - job.start_s if length_s else float(job.duration_s or 0)
    if left_s <= 0:
        raise DataError(f"{job.video} ends at {length_s:.1f} s, before --start_s {job.start_s:g}.")
    return round(min(left_s, job.duration_s or left_s) * FPS)


@dataclass(frozen=True)
class Foresight:
    """What processing a video would do and take.

    Attributes:
        frames: How many would be used.
        to_do, kept: Stages that would be done, and those that are done already.
        kinds: Kind of file -> bytes that would be written, largest first.
        place, free: Where, and how many bytes are free there.
        absent: Weights that would be fetched first.
    """

    frames: int
    to_do: list[str]
    kept: list[str]
    kinds: dict[str, int]
    place: Path
    free: int
    absent: list[str]

    @property
    def minutes(self) -> float:
        """Return how much video would be used."""
        return self.frames / FPS / 60

    @property
    def total(self) -> int:
        """Return how many bytes would be written."""
        return sum(self.kinds.values())


def foresee(job: VideoJob, weights: list[str]) -> Foresight:
    """Find out what a job would do and take.

    Args:
        weights: What would be fetched first, where it is not here.

    Raises:
        DataError, ConfigError: It cannot be done.
    """
    check_job(job)
    frames = frames_of(job)
    workshop = Rehearsal(job.processed, redone(job))
    do_stages(job, workshop)
    absent = [] if is_offline() else missing(weights)
    blendshapes = "face_landmarker" in absent or detector_name(job.landmarks) == "mediapipe"
    features = [*feature_names(job), *(("whisper", BEST_WHISPER) if "whisper_base_encoder" in absent else ())]
    taken = costs(frames, job.size, features, blendshapes=blendshapes, lossless=job.lossless)
    place = next(folder for folder in (job.data_dir.absolute(), *job.data_dir.absolute().parents) if folder.is_dir())
    kept = [name for name in workshop.done if name not in workshop.wanted]
    kinds = by_kind(taken, workshop.wanted)
    return Foresight(frames, list(workshop.wanted), kept, kinds, place, free_at(place), absent)


def rehearse(job: VideoJob, weights: list[str]) -> str:
    """Return lines that say how much video there is, which stages would be done, and what would be written.

    Args:
        weights: What would be fetched first, where it is not here.
    """
    ahead = foresee(job, weights)
    parts = ", ".join(f"{name} {count / 1e9:.3f}" for name, count in ahead.kinds.items() if count >= 5e5)
    kept = f"; kept: {', '.join(ahead.kept)}" if ahead.kept else ""
    lines = [
        f"{job.video}: {ahead.minutes:.1f} minutes, {ahead.frames} frames of {job.size} x {job.size}",
        f"stages to do: {', '.join(ahead.to_do) or 'none'}{kept}",
        f"to be written: about {ahead.total / 1e9:.3f} GB{f' ({parts})' if parts else ''}",
        f"free at {ahead.place}: {ahead.free / 1e9:.1f} GB",
    ]
    return "\n".join([*lines, f"to be fetched first: {fetched_words(ahead.absent)}"] if ahead.absent else lines)


def free_at(place: Path) -> int:
    """Return how many bytes are free there."""
    return shutil.disk_usage(place).free
