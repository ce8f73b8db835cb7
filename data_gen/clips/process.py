"""Turn one short video of one speaker into the arrays of a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_gen.clips.corpus import MIN_FRAMES
from utils.errors import DataError
from utils.landmark_detector import LandmarkDetector

Arrays = dict[str, NDArray[np.float32]]
MAX_OFFSET = 1.0
"""A clip whose sound is clearly further off than this many frames teaches the wrong thing."""
JUDGE_FRAMES = 200
"""In shorter clips a sound that is out of step cannot be told from chance."""


def process_clip(
    video: Path, detector: LandmarkDetector, features: Sequence[str], *, max_seconds: float = 60.0
) -> Arrays:
    """Read a video at 25 frames a second and return landmarks (T, 68, 3), speech features and pitch (2T rows).

    Raises:
        DataError: No sound, no face, several faces, too short, a cut, or the sound is out of step.
    """
    from data_gen.video.cuts import find_cuts, frame_changes
    from data_gen.video.landmarks import track_landmarks
    from data_gen.video.sync_offset import measure_offset
    from data_gen.video.tracking import fit_camera
    from utils.audio import audio_features, read_wav
    from utils.video import FPS, probe, read_frames

    def frames() -> Iterator[NDArray[np.uint8]]:
        return read_frames(video, fps=FPS, count=int(max_seconds * FPS))

    changes = frame_changes(frames())  # read twice, so that no video is held in memory
    count = len(changes)
    if count < MIN_FRAMES:
        raise DataError(f"{video}: {count} frames; at least {MIN_FRAMES} are needed")
    if cuts := find_cuts(changes):
        raise DataError(f"{video}: a cut at {cuts[0] / FPS:.2f} s; split it there")
    wav = read_wav(video)
    track = track_landmarks(frames(), detector, video=str(video))
    info = probe(video)
    fit = fit_camera(track.points_px, track.found, info.height, info.width)
    arrays: Arrays = {"landmarks": fit.landmarks.astype(np.float32)}
    for name in dict.fromkeys([*features, "pitch_hz"]):
        arrays[name] = np.asarray(audio_features(wav, name, frames=count), np.float32)
    if "mel" in arrays and count >= JUDGE_FRAMES:
        offset = measure_offset(track.points_px, arrays["mel"])
        if offset.measurable and abs(offset.frames) > MAX_OFFSET:
            raise DataError(f"{video}: the sound is {offset.frames:+.1f} frames off; move it and try again")
    return arrays
