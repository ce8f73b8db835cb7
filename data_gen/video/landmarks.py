"""Follow one face through a video: its 68 landmarks in every frame, gaps bridged when few and short.

The square crop comes first (`find_face_box`, from sampled frames of the raw video), the landmarks after
(`track_landmarks`, every frame of the cropped one). Both refuse, with the time and the remedy, what cannot be
learned from: no face, or two people of about equal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.job import VideoJob
from data_gen.video.outliers import excursions, frames_told
from data_gen.video.stage import Bench
from utils.arrays import Bytes, Reals
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector
from utils.faces.detectors import make_detector, mediapipe_is_here
from utils.files.arrays import save_arrays
from utils.rates import FPS
from utils.shots import shot_ranges, smooth_over_time
from utils.workers import native_noise_muted

LANDMARKS_VERSION = 1
MAX_GAP = 8
"""Frames without a face in a row that are bridged by interpolation."""
MAX_MISSING = 0.05
"""Share of a video's frames that may lack a face."""
RIVAL_AREA = 0.5
"""A second face with this share of the first one's area makes it unclear who is meant."""


class LandmarkTrack(NamedTuple):
    """The face of a video.

    points_px (T, 68, 2) float32 pixels, smoothed along time, interpolated where not found; found (T,) bool;
    blendshapes (T, 52) float32 or None; source: the detector's name;
    excursions: frames in which the landmarks were on something else or no numbers; they count as not found.
    """

    points_px: NDArray[np.float32]
    found: NDArray[np.bool_]
    blendshapes: NDArray[np.float32] | None
    source: str
    excursions: tuple[int, ...] = ()


def landmarks_settings(job: VideoJob) -> dict[str, Any]:
    """Return which detector is asked for; what `auto` finds on this machine counts, so that weights make it new."""
    if job.landmarks != "auto":
        return {"source": job.landmarks}
    return {"source": f"auto with{'' if mediapipe_is_here() else 'out'} face_landmarker"}


def landmarks_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write the face's points of all frames; return which frames had none."""
    job, frames = bench.job, bench.array("convert", "frames")
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
    arrays: dict[str, np.ndarray] = {"points_px": track.points_px, "found": track.found.astype(np.uint8)}
    if track.blendshapes is not None:
        arrays["blendshapes"] = track.blendshapes
    save_arrays(folder / "arrays.safetensors", arrays)
    return {
        "source": track.source,
        "found": float(track.found.mean()),
        "missing_frames": np.flatnonzero(~track.found).tolist(),
        "outlier_frames": list(track.excursions),
    }


class FaceBox(NamedTuple):
    """A square of the raw video in pixels: x0, y0 of its top-left corner and its side. It may reach past the edge."""

    x0: int
    y0: int
    size: int


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
        DataError: Two faces of about equal size, or too many frames without one; names the time and the remedy.
    """
    cut_list = sorted(int(cut) for cut in cuts)
    starts = set(cut_list)
    faces: list[Face | None] = []
    previous: Face | None = None
    detector.forget()
    for index, frame in enumerate(frames):
        if index in starts:
            detector.forget()
        detected = detector.detect(frame)
        face = follow(detected, previous, f"{video}: at {start_s + index / fps:.1f} s")
        faces.append(face)
        previous = face or previous
        if on_frame is not None:
            on_frame(index + 1)
    return _as_track(faces, detector, video, fps, start_s, cut_list)


def follow(faces: list[Face], previous: Face | None, where: str = "the picture") -> Face | None:
    """Pick the face that continues `previous`: the nearest of a like size, else (at first) the largest.

    Raises:
        DataError: There is nothing to follow and two faces are about equally large.
    """
    if not faces:
        return None
    if previous is not None:
        side = math.sqrt(_area(previous))
        nearest = min(faces, key=lambda face: _distance(face, previous))
        ratio = math.sqrt(_area(nearest)) / side
        if _distance(nearest, previous) < 0.6 * side and 0.6 < ratio < 1.7:
            return nearest
    if len(faces) > 1 and _area(faces[1]) > RIVAL_AREA * _area(faces[0]):
        raise DataError(
            f"{where} there are two faces of about equal size. One person must be alone in the picture, or much "
            f"larger than anyone else: crop the video to that person, or cut that part out."
        )
    return faces[0]


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


def find_face_box(
    frames: Iterable[tuple[float, Bytes]],
    detector: LandmarkDetector,
    *,
    video: str = "video",
    margin: float = 2.2,
) -> FaceBox:
    """Find the square of a raw video that holds head and shoulders throughout.

    Args:
        frames: Sampled (time in seconds, RGB uint8 picture (H, W, 3)), spread over the whole video.
        detector: Any detector; every sample is searched anew.
        video: What to call the video in errors.
        margin: Side of the square as a multiple of the face's height (brows to chin), before the face's own
            wandering is added.

    Returns:
        The square, inside the picture where the picture is large enough for it; no larger than its shorter side.

    Raises:
        DataError: No face, a face in too few samples, or two of about equal size; names times and remedies.
    """
    boxes: list[tuple[float, float, float, float]] = []
    missing: list[float] = []
    total, shape = 0, (0, 0)
    previous: Face | None = None
    for time_s, frame in frames:
        total += 1
        shape = frame.shape[:2]
        detector.forget()
        face = follow(detect_anywhere(detector, frame), previous, f"{video}: at {time_s:.1f} s")
        if face is None:
            missing.append(time_s)
            continue
        previous = face
        boxes.append(face.box)
    if not total:
        raise DataError(f"{video}: it has no frames. Is the file complete?")
    if not boxes:
        raise DataError(
            f"{video}: no face in any of {total} frames looked at. It must show one person's face from the front, "
            f"at least 80 pixels wide."
        )
    if len(missing) > max(1, 0.2 * total):
        raise DataError(
            f"{video}: no face in {len(missing)} of {total} frames looked at (first at {missing[0]:.1f} s). "
            f"Cut those parts out, or choose a video that shows the face throughout."
        )
    return _square(np.array(boxes), shape, margin)


def detect_anywhere(detector: LandmarkDetector, frame: Bytes) -> list[Face]:
    """Detect faces in a large picture (H, W, 3): as a whole, then, when none is found, in nine overlapping parts."""
    faces = detector.detect(frame)
    if faces:
        return faces
    height, width = frame.shape[:2]
    part = (height // 2, width // 2)
    for top in (height // 4, 0, height // 2):
        for left in (width // 4, 0, width // 2):
            detector.forget()
            detected = detector.detect(np.ascontiguousarray(frame[top : top + part[0], left : left + part[1]]))
            faces += [_shifted(face, left, top) for face in detected]
        if faces:
            break
    return _without_doubles(faces)


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
    missing = np.flatnonzero(~has_face)
    longest = _longest_run(~has_face)
    if len(missing) > MAX_MISSING * count or longest > MAX_GAP:
        raise DataError(
            f"{video}: no face in {len(missing)} of {count} frames (first at {start_s + missing[0] / fps:.1f} s)"
            f"{_told_strange(strange, start_s)}. "
            f"At most {MAX_GAP} in a row and {MAX_MISSING:.0%} in all are bridged: cut those parts out, or use a "
            f"video in which the face is seen from the front throughout."
        )
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
    return LandmarkTrack(mended(points), has_face, blendshapes, detector.name, strange_frames)


def _told_strange(strange: NDArray[np.bool_], start_s: float) -> str:
    """Say in which of the frames the landmarks were no face's."""
    frames = np.flatnonzero(strange)
    return f", of which in {len(frames)} the landmarks leave it: {frames_told(frames, start_s)}" if len(frames) else ""


def _square(boxes: Reals, shape: tuple[int, int], margin: float) -> FaceBox:
    """Return the square around boxes (N, 4): centred on the face, a little below it, room for its wandering."""
    height, width = shape
    centres = np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], axis=1) / 2
    face = float(np.median(boxes[:, 3] - boxes[:, 1]))
    low, high = np.percentile(centres, [2, 98], axis=0)
    middle = (low + high) / 2
    wander = float((high - low).max())
    size = int(min(margin * face + wander, height, width))
    size -= size % 2
    x0 = round(float(middle[0]) - size / 2)
    y0 = round(float(middle[1]) + 0.05 * face - size / 2)
    return FaceBox(int(np.clip(x0, 0, width - size)), int(np.clip(y0, 0, height - size)), size)


def _longest_run(flags: NDArray[np.bool_]) -> int:
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


def _area(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return max((x1 - x0) * (y1 - y0), 1e-6)


def _distance(a: Face, b: Face) -> float:
    return math.hypot(*((a.box[i] + a.box[i + 2] - b.box[i] - b.box[i + 2]) / 2 for i in (0, 1)))


def _shifted(face: Face, left: int, top: int) -> Face:
    x0, y0, x1, y1 = face.box
    points = face.points_px + np.array([left, top], dtype=np.float32)
    return face._replace(points_px=points, box=(x0 + left, y0 + top, x1 + left, y1 + top))


def _without_doubles(faces: list[Face]) -> list[Face]:
    """Keep one of faces found in two overlapping parts; the largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -_area(face)):
        if all(_distance(face, other) > 0.5 * math.sqrt(_area(other)) for other in kept):
            kept.append(face)
    return kept
