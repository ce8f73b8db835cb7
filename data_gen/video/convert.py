"""Bring any video to what the rest expects: 25 frames a second, a face-centred square, 16 kHz sound."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.stages import Tick
from data_gen.video.framing.square import NoFaceError, find_face_box
from data_gen.video.job import LEAST_SPLIT_S, SHORTEST_S, VideoJob, lossless_settings, picture_bytes
from data_gen.video.stage import Bench
from utils.errors import DataError
from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector
from utils.files.digests import sha256, stamp
from utils.media.header import read_header
from utils.media.picture_file import SUFFIX, PictureWriter
from utils.media.picture_form import picture_form
from utils.media.sound_source import choose_sound, track_of
from utils.media.video import probe, read_frames
from utils.media.wav import read_wav, write_wav
from utils.processes.workers import in_parallel, native_noise_muted
from utils.rates import FPS, RATE

PROBE_VERSION = 1
CONVERT_VERSION = 2
_SAMPLES = 60
_LARGE_SAMPLES = 12
"""Pictures searched in full size, when no face was found in smaller ones."""
_LONGEST_SIDE = 1280
_QUIET = 1e-3
_MARGIN = 2.5
"""Side of the square in face heights (brows to chin): room for hair and shoulders."""


def probe_settings(job: VideoJob) -> dict[str, Any]:
    """Return the video's digest and the part that is used."""
    track = {} if job.audio_track is None else {"audio_track": job.audio_track}
    return {"video": sha256(job.video), "start_s": job.start_s, "duration_s": job.duration_s} | track


def probe_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Look at the file; nothing is written."""
    job = bench.job
    about = probe_video(job.video, job.start_s, job.duration_s)
    refuse_long_split(job, about["duration_s"])
    return about | {"heard": choose_sound(job.video, track_of(job.audio_track)).reason}


def refuse_long_split(job: VideoJob, lasts_s: float) -> None:
    """Refuse to begin with a video that can never give what is asked to be held out and learnt from.

    Args:
        lasts_s: How long the file lasts, as it says itself; 0 when it does not.

    Raises:
        DataError: It cannot.
    """
    there_s = min(lasts_s - job.start_s, job.duration_s or math.inf)
    asked_s = (job.val_seconds or 0.0) + (job.train_seconds or (LEAST_SPLIT_S if job.val_seconds else 0.0))
    if 0 < lasts_s < math.inf and 0 < there_s + 1 < asked_s:  # a second for what a file's word on itself is worth
        raise DataError(
            f"{job.video} gives {there_s:.1f} s: too short to hold out and to learn from {asked_s:.1f} s "
            "(--val_seconds and --train_seconds). Ask for less, or give a longer video."
        )


def convert_settings(job: VideoJob) -> dict[str, Any]:
    """Return the size, and the detector when one was named: what `auto` means may change without a new crop.

    Pictures that are treated before anything else, and upright ones, are named too: both were shown otherwise before.
    """
    stream = next(iter(read_header(job.video).of_kind("Video")), None)
    form = picture_form(stream) if stream else None
    settings: dict[str, Any] = {"size": job.size} | ({} if job.landmarks == "auto" else {"detector": job.landmarks})
    settings |= lossless_settings(job)
    if stream is None or form is None:
        return settings
    upright = form.height > form.width if stream.rotation % 180 == 0 else form.width > form.height
    return settings | ({"form": form.treatment} if form.treatment else {}) | ({"upright": 1} if upright else {})


def convert_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write frames and sound.

    Raises:
        DataError: The video was changed since the run began, or cannot be learned from.
    """
    job = bench.job
    with native_noise_muted(), make_detector(job.landmarks) as detector:
        summary = convert(
            job.video, folder, tick, size=job.size, detector=detector, start_s=job.start_s, duration_s=job.duration_s,
            audio_track=job.audio_track, lossless=job.lossless,
        )  # fmt: skip
    if stamp(job.video) != bench.video_stamp:
        raise DataError(f"{job.video} was changed while it was read. Run the command again when it is whole.")
    return summary


def probe_video(video: Path, start_s: float, duration_s: float | None) -> dict[str, Any]:
    """Return what the file is, with its digest; refuse at once what can never become a dataset.

    Raises:
        DataError: missing, empty, no video, no sound, silent, or shorter than two seconds.
    """
    info = probe(video)
    if not info.has_audio:
        raise DataError(f"{video} has no sound. A talking head is learned from a person's speech: use a video with it.")
    if 0 < info.duration_s < SHORTEST_S:
        raise DataError(
            f"{video} lasts {info.duration_s:.1f} s; at least {SHORTEST_S:.0f} s are needed, minutes are better."
        )
    return asdict(info) | {"sha256": sha256(video), "start_s": start_s, "duration_s_wanted": duration_s}


def read_sound(video: Path, start_s: float, duration_s: float | None, track: int | None = None) -> np.ndarray:
    """Return the sound of the part wanted, (S,) at 16 kHz, from the start of its first frame on; `track` from 1 on.

    Raises:
        DataError: it is silent, or the part lies beyond its end.
    """
    begin = round(start_s * FPS) * RATE // FPS
    wav = read_wav(video, track=track_of(track))
    if begin >= len(wav):
        raise DataError(f"{video}: the sound ends at {len(wav) / RATE:.1f} s, before --start_s {start_s:g}.")
    wav = wav[begin:] if duration_s is None else wav[begin : begin + round(duration_s * RATE)]
    if not len(wav) or np.abs(wav - wav.mean()).max() < _QUIET:  # an offset is not heard
        raise DataError(f"{video} is silent. A talking head is learned from a person's speech: use a video with it.")
    return wav


def check_room(folder: Path, frames: int, size: int, *, lossless: bool = False) -> None:
    """Raise `DataError` when the disk will not hold frames, masks and torso frames of a video."""
    needed = sum(count for kinds in picture_bytes(frames, size, lossless).values() for count in kinds.values())
    free = shutil.disk_usage(folder).free
    if needed > 0.95 * free:
        raise DataError(
            f"About {needed / 1e9:.1f} GB are needed for {frames} frames of {size} x {size}, {free / 1e9:.1f} GB are "
            f"free at {folder.parent}. Use a smaller --size, a part of the video (--duration_s), or another --data_dir."
        )


def colours_beside(samples: np.ndarray, column: int) -> np.ndarray:
    """Return what is painted beside a column of pictures (N, H, W, 3) that is an edge of what is seen, (H, 1, 3) uint8.

    It is the colour that the edge has most of the time and around, so that nothing of a head that touches the edge is
    seen there, and nothing moves.
    """
    import cv2
    from scipy.ndimage import median_filter

    height = samples.shape[1]
    colours = np.median(samples[:, :, column], axis=0).astype(np.float32)
    colours = median_filter(colours, size=(height // 3, 1), mode="nearest")
    colours = cv2.GaussianBlur(colours[:, None], (0, 0), height / 32, borderType=cv2.BORDER_REPLICATE)
    return colours.round().astype(np.uint8).reshape(height, 1, 3)


def convert(
    video: Path,
    folder: Path,
    tick: Tick,
    *,
    size: int,
    detector: LandmarkDetector,
    start_s: float = 0.0,
    duration_s: float | None = None,
    audio_track: int | None = None,
    lossless: bool = False,
) -> dict[str, Any]:
    """Write `frames` (T, size, size, 3) and `audio.wav` into `folder`; return sizes and the crop.

    The video is read twice: once to see where the face is and how many frames there are, once to cut it out; and a few
    frames of it once more where the square reaches beyond the picture.

    Raises:
        DataError: The video is too short, or cannot be read.
    """
    wav = read_sound(video, start_s, duration_s, audio_track)
    info = probe(video)
    first, count = round(start_s * FPS), None if duration_s is None else round(duration_s * FPS)
    length_s = info.duration_s - start_s if info.duration_s else len(wav) / RATE  # some containers do not tell
    about = max(1, round(length_s * FPS))
    about = about if count is None else min(about, count)
    shrink = max(1.0, max(info.height, info.width) / _LONGEST_SIDE)
    small = (max(2, round(info.height / shrink)), max(2, round(info.width / shrink)))
    total = 0
    sizes: dict[float, tuple[int, int]] = {}

    def samples() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal total
        every = max(1, about // _SAMPLES)
        for frame in read_frames(video, fps=FPS, size=small, start=first, count=count, sizes=sizes):
            if total % every == 0:
                yield (first + total) / FPS, frame
            total += 1
            tick(total, 2 * about)

    def large_samples() -> Iterator[tuple[float, np.ndarray]]:
        rate = FPS / max(1, total // _LARGE_SAMPLES)
        for index, frame in enumerate(read_frames(video, fps=rate, start=round(start_s * rate), count=_LARGE_SAMPLES)):
            yield start_s + index / rate, frame

    try:
        box = find_face_box(samples(), detector, video=str(video), margin=_MARGIN)
    except NoFaceError:
        if shrink == 1.0:
            raise
        large = large_samples()
        box = find_face_box(large, detector, video=str(video), margin=_MARGIN, patience=_LARGE_SAMPLES // 2)
        shrink = 1.0
    if total < SHORTEST_S * FPS:
        raise DataError(
            f"{video} lasts {total / FPS:.1f} s; at least {SHORTEST_S:.0f} s are needed, minutes are better."
        )
    whole = (info.height, info.width)
    crop = box.crop(shrink, whole, size)
    check_room(folder, total, size, lossless=lossless)
    region = box.region(shrink, whole)
    inside = (max(crop[0], region.left), crop[1], min(crop[2], region.right), crop[3])
    left, right = (round((edge - crop[0]) * size / (crop[2] - crop[0])) for edge in (inside[0], inside[2]))
    seen = partial(read_frames, video, crop=inside, size=(size, right - left))
    plain = np.zeros((size, size, 3), np.uint8)
    if (left, right) != (0, size):
        rate = FPS / max(1, total // _SAMPLES)
        edges = np.stack(list(seen(fps=rate, start=round(start_s * rate), count=_SAMPLES)))
        plain[:, :left], plain[:, right:] = colours_beside(edges, 0), colours_beside(edges, -1)
    with PictureWriter(folder / f"frames{SUFFIX}", plain.shape, lossless=lossless) as frames:

        def packed(frame: np.ndarray) -> list[bytes]:
            square = plain.copy()
            square[:, left:right] = frame
            return frames.pack(square)

        for tiles in in_parallel(packed, seen(fps=FPS, start=first, count=total)):
            frames.add(tiles)
            tick(total + len(frames), 2 * total)
    if len(frames) != total:
        raise DataError(f"{video} gave {total} frames, and {len(frames)} when it was read again. Run it again.")
    write_wav(folder / "audio.wav", wav)
    return {
        "frames": total,
        "height": size,
        "width": size,
        "crop_px": list(crop),
        "content_px": list(region),
        "filled": 1 - (right - left) / size,
        "source_height": info.height,
        "source_width": info.width,
        "source_fps": info.fps,
        "sizes": [[time_s, *wide_high] for time_s, wide_high in sizes.items()],
        "treatment": info.form.treatment,
        "sound_s": len(wav) / RATE,
    }
