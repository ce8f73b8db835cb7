"""Follow one face through a video: its 68 landmarks in every frame, gaps bridged when few and short.

The square crop comes first (`framing.square`, from sampled frames of the raw video), the landmarks after
(`track_landmarks`, every frame of the cropped one). Both refuse, with the time and the remedy, what cannot be
learned from: hardly a face, or two people of about equal size. Longer stretches without a face are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.cuts import refuse_without_runs
from data_gen.video.framing.follow import follow
from data_gen.video.job import VideoJob
from data_gen.video.outliers import excursions, frames_told
from data_gen.video.sections.left_out import LEAST_SHARE, Runs, how_to_keep, kept, stretches_without, times_told
from data_gen.video.sections.persons import refuse_two_persons
from data_gen.video.stage import Bench
from utils.arrays import Bytes, Reals
from utils.errors import AssetError, DataError
from utils.faces.detector import Face, LandmarkDetector
from utils.faces.detectors import make_detector, mediapipe_is_here
from utils.faces.recogniser import DlibRecogniser
from utils.files.arrays import save_arrays
from utils.media.picture_file import Pictures
from utils.processes.workers import in_parallel, native_noise_muted
from utils.rates import FPS
from utils.shots import shot_ranges, smooth_over_time

LANDMARKS_VERSION = 1


class LandmarkTrack(NamedTuple):
    """The face of a video.

    points_px (T, 68, 2) float32 pixels, smoothed along time, interpolated where not found; found (T,) bool;
    blendshapes (T, 52) float32 or None; source: the detector's name;
    excursions: frames in which the landmarks were on something else or no numbers; they count as not found;
    left_out: [start, stop) runs of frames without a face that are too long to bridge; their points mean nothing.
    """

    points_px: NDArray[np.float32]
    found: NDArray[np.bool_]
    blendshapes: NDArray[np.float32] | None
    source: str
    excursions: tuple[int, ...] = ()
    left_out: tuple[tuple[int, int], ...] = ()


def landmarks_settings(job: VideoJob) -> dict[str, Any]:
    """Return which detector is asked for; what `auto` finds on this machine counts, so that weights make it new."""
    if job.landmarks != "auto":
        return {"source": job.landmarks}
    return {"source": f"auto with{'' if mediapipe_is_here() else 'out'} face_landmarker"}


def landmarks_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write the face's points of all frames; return which frames had none."""
    job, frames = bench.job, bench.pictures("convert", "frames")
    with native_noise_muted(), make_detector(job.landmarks) as detector:
        track = track_landmarks(
            frames,
            detector,
            video=str(job.video),
            fps=FPS,
            start_s=job.start_s,
            cuts=bench.summary("cuts")["cuts"],
            on_frame=lambda done: tick(done, len(frames)),
        )
    refuse_without_runs(job, bench.summary("cuts")["cuts"], len(frames), track.left_out)
    arrays: dict[str, np.ndarray] = {"points_px": track.points_px, "found": track.found.astype(np.uint8)}
    if track.blendshapes is not None:
        arrays["blendshapes"] = track.blendshapes
    save_arrays(folder / "arrays.safetensors", arrays)
    persons = _refuse_other_persons(bench, frames, track)
    keep = kept(len(frames), track.left_out)
    said = {
        "source": track.source,
        "found": float(track.found[keep].mean()),
        "missing_frames": np.flatnonzero(~track.found & keep).tolist(),
        "outlier_frames": list(track.excursions),
    }
    left_out = {"left_out": [list(run) for run in track.left_out]} if track.left_out else {}
    return said | left_out | persons


def _refuse_other_persons(bench: Bench, frames: Pictures, track: LandmarkTrack) -> dict[str, Any]:
    """Refuse a video of two persons; say whether that could be told."""
    edges = [*bench.summary("cuts")["cuts"], *(edge for run in track.left_out for edge in run)]
    keep = kept(len(frames), track.left_out)
    shots = [(start, stop) for start, stop in shot_ranges(len(frames), edges) if keep[start]]
    if len(shots) < 2:
        return {}
    try:
        recogniser = DlibRecogniser()
    except AssetError as error:
        return {"persons": f"not told apart: {error}"}
    refuse_two_persons(
        frames, track.points_px, shots, recogniser, video=str(bench.job.video), start_s=bench.job.start_s
    )
    return {"persons": "one"}


def track_landmarks(
    frames: Iterable[Bytes],
    detector: LandmarkDetector,
    *,
    video: str = "video",
    fps: float = 25.0,
    start_s: float = 0.0,
    cuts: Iterable[int] = (),
    on_frame: Callable[[int], None] | None = None,
) -> LandmarkTrack:
    """Follow the face through all frames, one at a time, then bridge gaps and smooth within shots.

    Args:
        frames: RGB uint8 (H, W, 3), all of one size; read once, never kept.
        detector: See `utils.faces.detectors.make_detector`; it forgets what it followed before.
        video: What to call the video in errors.
        fps: Frames a second, for the times in errors.
        start_s: When the first frame is shown in that video, for the same.
        cuts: First frame of each new shot; nothing is bridged or smoothed across.
        on_frame: Called after every frame with how many are done.

    Raises:
        DataError: Two faces of about equal size, or less than half of it with one; names the times and the remedy.
    """
    cut_list = sorted(int(cut) for cut in cuts)
    starts = set(cut_list)
    faces: list[Face | None] = []
    previous: Face | None = None
    for index, detected in enumerate(_detected(frames, detector, starts)):
        face = follow(detected, previous, f"{video}: at {start_s + index / fps:.1f} s")
        faces.append(face)
        previous = face or previous
        if on_frame is not None:
            on_frame(index + 1)
    return _as_track(faces, detector, video, fps, start_s, cut_list)


def _detected(frames: Iterable[Bytes], detector: LandmarkDetector, starts: set[int]) -> Iterator[list[Face]]:
    """Yield the faces of every frame, of which those in `starts` begin new shots."""
    detector.forget()
    if detector.threads:
        yield from in_parallel(detector.detect, frames)
        return
    for index, frame in enumerate(frames):
        if index in starts:
            detector.forget()
        yield detector.detect(frame)


def bridge_gaps(values: Reals, present: NDArray[np.bool_], cuts: Iterable[int] = ()) -> Reals:
    """Fill values (T, ...) where not `present` (T,): linear within a shot, constant at its ends.

    A shot without any usable frame is bridged between its neighbours.
    """
    result = np.array(values, dtype=np.float64)
    flat = result.reshape(len(result), -1)
    usable_anywhere = np.flatnonzero(present)
    for start, stop in shot_ranges(len(result), cuts):
        frames = np.arange(start, stop)
        usable = frames[present[start:stop]]
        if len(usable) == len(frames):
            continue
        if len(usable) == 0:
            usable = usable_anywhere
        for column in range(flat.shape[1]):
            flat[start:stop, column] = np.interp(frames, usable, flat[usable, column])
    return result


def _as_track(
    faces: list[Face | None], detector: LandmarkDetector, video: str, fps: float, start_s: float, cuts: list[int]
) -> LandmarkTrack:
    count = len(faces)
    has_face = np.array([face is not None for face in faces], dtype=bool)
    if not count:
        raise DataError(f"{video}: it has no frames. Is the file complete?")
    if not has_face.any():
        raise DataError(f"{video}: no face in any of {count} frames. It must show one person's face from the front.")
    raw: Reals = np.stack([np.zeros((68, 2)) if face is None else face.points_px for face in faces])
    strange = excursions(raw, has_face, cuts)
    has_face &= ~strange
    left_out = stretches_without(has_face, cuts)
    keep = kept(count, left_out)
    if keep.sum() < LEAST_SHARE * count:
        raise DataError(_hardly_seen(has_face, keep, left_out, strange, video, fps, start_s))
    has_face &= keep
    cuts = sorted({*cuts, *(edge for run in left_out for edge in run)})
    points = np.where(has_face[:, None, None], raw, 0.0)
    shapes: Reals | None = (
        np.zeros((count, 52)) if all(f is None or f.blendshapes is not None for f in faces) else None
    )
    for index, face in enumerate(faces):
        if face is None:
            continue
        if shapes is not None and face.blendshapes is not None:
            shapes[index] = face.blendshapes
    sigma = detector.smoothing_frames

    def mended(values: Reals) -> NDArray[np.float32]:
        return smooth_over_time(bridge_gaps(values, has_face, cuts), sigma, cuts).astype(np.float32)

    blendshapes = None if shapes is None else mended(shapes)
    strange_frames = tuple(int(frame) for frame in np.flatnonzero(strange))
    return LandmarkTrack(mended(points), has_face, blendshapes, detector.name, strange_frames, tuple(left_out))


def _hardly_seen(
    has_face: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    left_out: Runs,
    strange: NDArray[np.bool_],
    video: str,
    fps: float,
    start_s: float,
) -> str:
    """Say that a face is seen in too little of a video, where it is not, where it is, and how to use that part."""
    frames = np.flatnonzero(strange)
    off = f", of which in {len(frames)} the landmarks leave it: {frames_told(frames, start_s)}" if len(frames) else ""
    gaps = [(start_s + start / fps, start_s + stop / fps) for start, stop in left_out]
    words = f"{video}: no face in {int((~has_face).sum())} of {len(has_face)} frames ({times_told(gaps)}){off}."
    visible = [
        (start_s + start / fps, start_s + stop / fps)
        for start, stop in shot_ranges(len(keep), [edge for run in left_out for edge in run])
        if keep[start]
    ]
    if not visible:
        return f"{words} Use a video in which the face is seen from the front throughout."
    where = times_told(visible)
    return f"{words} It is seen {where}: {how_to_keep(visible)}, or use a video that shows the face throughout."
