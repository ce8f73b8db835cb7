"""Turn one short video of one speaker into the arrays of a clip."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.clips.plan import ClipJob, reason_without
from data_gen.clips.shards import DIGITS
from data_gen.ear import ears_of
from data_gen.speech_features import audio_features
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
from utils.sound.speech_level import levelled, measure

Arrays = dict[str, NDArray[Any]]
"""landmarks (T, 68, 3), speech features and pitch_hz (2T rows), float32, and what there is of `shards.EXTRAS`."""
VERSION = 4
"""Raise it when process_clip changes what it returns: all clips are then made again."""


class ClipRecipe(NamedTuple):
    """What decides how a clip is made, besides its video."""

    detector: str
    features: tuple[str, ...]

    def digest(self, job: ClipJob) -> str:
        """Return a digest of everything that the clip's arrays depend on; the file counts by size and time."""
        status = Path(job.video).stat()
        ears = [found] if (found := ears_of(self.features)) else []
        return fingerprint(VERSION, self, *ears, job._replace(video=""), status.st_size, status.st_mtime_ns)[:DIGITS]


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
    """Read a video at 25 frames a second and return its clip, shot by shot; what of it cannot be used is left out.

    Raises:
        DataError: No sound, no face, several faces, or too short.
    """
    video, start_s = job.video, job.first / FPS
    changes = frame_changes(_frames(job, 0, job.frames))  # read twice, so that no video is held in memory
    count = len(changes)
    if count < MIN_FRAMES:
        raise DataError(f"{video}: {count} frames; at least {MIN_FRAMES} are needed")
    edges = [0, *find_cuts(changes), count]
    tracks: list[tuple[int, int, NDArray[np.float32], NDArray[np.float32]]] = []
    notes = [f"a cut at {start_s + cut / FPS:.2f} s" for cut in edges[1:-1]]
    for start, stop in itertools.pairwise(edges):
        try:
            tracks.append((start, stop, *_track(job, start, stop, detector)))
        except DataError as error:
            if len(edges) == 2:
                raise
            span = f"{start_s + start / FPS:.2f} to {start_s + stop / FPS:.2f} s"
            notes.append(f"{span} is left out: {reason_without(str(error), video)}")
    if not tracks:
        raise DataError(f"{video}: {'; '.join(notes)}")
    wav = read_wav(video, start_s=start_s, seconds=count / FPS)
    wav = levelled(wav, measure(wav))

    def heard(name: str) -> NDArray[np.float32]:
        rows = np.asarray(audio_features(wav, name, frames=count), np.float32)
        return np.concatenate([rows[2 * start : 2 * stop] for start, stop, _, _ in tracks])

    arrays: Arrays = {"landmarks": np.concatenate([landmarks for _, _, _, landmarks in tracks])}
    arrays |= {name: heard(name) for name in dict.fromkeys([*features, "pitch_hz"])}
    refuse_not_finite({"landmarks": arrays["landmarks"]}, video)
    refuse_not_finite({name: array for name, array in arrays.items() if name != "landmarks"}, video, rows_a_frame=2)
    if curve := measure_offset(np.concatenate([points for _, _, points, _ in tracks]), heard("mel")).curve:
        arrays["sync"] = np.asarray(curve, np.float32)
    if len(tracks) > 1:
        arrays["cuts"] = np.cumsum([stop - start for start, stop, _, _ in tracks], dtype=np.int32)[:-1]
    if notes:
        arrays["note"] = np.frombuffer("; ".join(notes).encode(), np.uint8)
    return arrays


def _frames(job: ClipJob, start: int, count: int | None) -> Iterator[NDArray[np.uint8]]:
    return read_frames(job.video, fps=FPS, start=job.first + start, count=count, seek=True)


def _track(
    job: ClipJob, start: int, stop: int, detector: LandmarkDetector
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Follow the face through one shot: its landmarks in the picture (T, 68, 2), and those without the pose."""
    if stop - start < MIN_FRAMES:
        raise DataError(f"{stop - start} frames; at least {MIN_FRAMES} are needed")
    first_s = (job.first + start) / FPS
    info = probe(job.video)
    track = track_landmarks(_frames(job, start, stop - start), detector, video=job.video, start_s=first_s)
    if track.left_out:
        gaps = [(first_s + begin / FPS, first_s + end / FPS) for begin, end in track.left_out]
        raise DataError(f"{job.video}: no face {times_told(gaps)}; leave that part out")
    fit = fit_camera(track.points_px, track.found, info.height, info.width)
    jumps, odd = pose_jumps(fit.world_from_camera), odd_frames(fit.landmarks)
    for what, wrong in (("the head jumps at", jumps), ("the landmarks are no face's at", odd)):
        if len(wrong):
            raise DataError(f"{job.video}: {what} {frames_told(wrong, first_s)}; leave that part out")
    return track.points_px, fit.landmarks.astype(np.float32)
