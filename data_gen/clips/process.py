"""Turn one short video of one speaker into the arrays of a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.clips.plan import ClipJob, reason_without
from data_gen.video.cuts import find_cuts, frame_changes
from data_gen.video.job import MIN_FRAMES
from data_gen.video.landmarks import track_landmarks
from data_gen.video.outliers import frames_told, odd_frames, pose_jumps, refuse_not_finite
from data_gen.video.pose.tracking import fit_camera
from data_gen.video.sections.left_out import times_told
from data_gen.video.sync_offset import measure_offset
from utils.errors import AssetError, ConfigError, DataError, UserError
from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector
from utils.files.digests import fingerprint, stamp
from utils.media.video import probe, read_frames
from utils.media.wav import read_wav
from utils.rates import FPS
from utils.sound.features import audio_features, mel

Arrays = dict[str, NDArray[np.float32]]
VERSION = 3
"""Raise it when process_clip changes what it returns: all clips are then made again."""
MAX_OFFSET = 1.0
"""A clip whose sound is certainly further off than this many frames teaches the wrong thing."""
JUDGE_FRAMES = 200
"""In shorter clips a sound that is out of step cannot be told from chance."""


class ClipRecipe(NamedTuple):
    """What decides how a clip is made, besides its video."""

    detector: str
    features: tuple[str, ...]

    def digest(self, job: ClipJob) -> str:
        """Return a digest of everything that the clip's arrays depend on; the file counts by size and time."""
        status = Path(job.video).stat()
        return fingerprint(VERSION, self, job._replace(video=""), status.st_size, status.st_mtime_ns)[:32]


_detectors: dict[str, LandmarkDetector] = {}


def make_clip(job: ClipJob, recipe: ClipRecipe) -> Arrays | str:
    """Make one clip; return why not when its video cannot be used. Any process on any machine may call this."""
    if recipe.detector not in _detectors:
        _detectors[recipe.detector] = make_detector(recipe.detector)
    before = stamp(Path(job.video))
    try:
        arrays = process_clip(job, _detectors[recipe.detector], recipe.features)
        return arrays if stamp(Path(job.video)) == before else "it was changed while it was read"
    except (AssetError, ConfigError):
        raise
    except UserError as error:
        return reason_without(str(error), job.video)


def process_clip(job: ClipJob, detector: LandmarkDetector, features: tuple[str, ...]) -> Arrays:
    """Read a video at 25 frames a second and return landmarks (T, 68, 3), speech features and pitch (2T rows).

    Raises:
        DataError: No sound, no face, several faces, too short, a cut, or the sound is out of step.
    """
    video, start_s = job.video, job.first / FPS

    def frames() -> Iterator[NDArray[np.uint8]]:
        return read_frames(video, fps=FPS, start=job.first, count=job.frames, seek=True)

    changes = frame_changes(frames())  # read twice, so that no video is held in memory
    count = len(changes)
    if count < MIN_FRAMES:
        raise DataError(f"{video}: {count} frames; at least {MIN_FRAMES} are needed")
    if cuts := find_cuts(changes):
        raise DataError(f"{video}: a cut at {start_s + cuts[0] / FPS:.2f} s; split it there")
    wav = read_wav(video, start_s=start_s, seconds=count / FPS)
    track = track_landmarks(frames(), detector, video=video, start_s=start_s)
    if track.left_out:
        gaps = [(start_s + start / FPS, start_s + stop / FPS) for start, stop in track.left_out]
        raise DataError(f"{video}: no face {times_told(gaps)}; leave that part out")
    if count >= JUDGE_FRAMES:
        offset = measure_offset(track.points_px, mel(wav))
        if offset.measurable and abs(offset.frames) - offset.uncertainty > MAX_OFFSET:
            raise DataError(f"{video}: the sound is {offset.frames:+.1f} frames off; move it and try again")
    info = probe(video)
    fit = fit_camera(track.points_px, track.found, info.height, info.width)
    arrays: Arrays = {"landmarks": fit.landmarks.astype(np.float32)}
    for name in dict.fromkeys([*features, "pitch_hz"]):
        arrays[name] = np.asarray(audio_features(wav, name, frames=count), np.float32)
    refuse_not_finite({"landmarks": arrays["landmarks"]}, video)
    refuse_not_finite({name: array for name, array in arrays.items() if name != "landmarks"}, video, rows_a_frame=2)
    jumps, odd = pose_jumps(fit.world_from_camera), odd_frames(fit.landmarks)
    for what, wrong in (("the head jumps at", jumps), ("the landmarks are no face's at", odd)):
        if len(wrong):
            raise DataError(f"{video}: {what} {frames_told(wrong, start_s)}; leave that part out")
    return arrays
