"""Bring any video to what the rest expects: 25 frames a second, a face-centred square, 16 kHz sound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.stages import Tick
from data_gen.video.job import SHORTEST_S, VideoJob
from data_gen.video.landmarks import find_face_box
from data_gen.video.stage import Bench
from utils.errors import DataError
from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector
from utils.files.arrays import map_new_array
from utils.files.digests import sha256, stamp
from utils.media.sound_source import choose_sound, track_of
from utils.media.video import probe, read_frames
from utils.media.wav import read_wav, write_wav
from utils.rates import FPS, RATE
from utils.workers import native_noise_muted

PROBE_VERSION = 1
CONVERT_VERSION = 2
_SAMPLES = 60
_LONGEST_SIDE = 1280
_QUIET = 1e-3
_BYTES_A_PIXEL = 9  # frames and torso frames 3 each, three masks
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
    return about | {"heard": choose_sound(job.video, track_of(job.audio_track)).reason}


def convert_settings(job: VideoJob) -> dict[str, Any]:
    """Return the size, and the detector when one was named: what `auto` means may change without a new crop."""
    return {"size": job.size} | ({} if job.landmarks == "auto" else {"detector": job.landmarks})


def convert_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write frames and sound.

    Raises:
        DataError: The video was changed since the run began, or cannot be learned from.
    """
    job = bench.job
    with native_noise_muted(), make_detector(job.landmarks) as detector:
        summary = convert(
            job.video, folder, tick, size=job.size, detector=detector, start_s=job.start_s, duration_s=job.duration_s,
            audio_track=job.audio_track,
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


def crop_square(box: Sequence[float], height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of the square to cut out of a picture (height, width), whole pixels inside it.

    Args:
        box: x0, y0 and side of the square wanted.
        size: Side it will be scaled to; a side that is nearly that is made exactly that, so that nothing is scaled.
    """
    x0, y0, wanted = box
    limit = min(height, width)
    side = min(round(wanted), limit)
    for exact in (size, limit):
        if exact <= limit and abs(wanted - exact) < 0.06 * exact:
            side = exact
            break
    shift = (wanted - side) / 2
    left, top = (int(np.clip(round(start + shift), 0, whole - side)) for start, whole in ((x0, width), (y0, height)))
    return left, top, left + side, top + side


def check_room(folder: Path, frames: int, size: int) -> None:
    """Raise `DataError` when the disk will not hold frames, masks and torso frames of a video."""
    needed = frames * size * size * _BYTES_A_PIXEL
    free = shutil.disk_usage(folder).free
    if needed > 0.95 * free:
        raise DataError(
            f"{needed / 1e9:.1f} GB are needed for {frames} frames of {size} x {size}, {free / 1e9:.1f} GB are free "
            f"at {folder.parent}. Use a smaller --size, a part of the video (--duration_s), or another --data_dir."
        )


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
) -> dict[str, Any]:
    """Write `frames.npy` (T, size, size, 3) and `audio.wav` into `folder`; return sizes and the crop.

    The video is read twice: once to see where the face is and how many frames there are, once to cut it out.

    Raises:
        DataError: The video is too short, or cannot be read.
    """
    wav = read_sound(video, start_s, duration_s, audio_track)
    info = probe(video)
    shrink = max(1.0, max(info.height, info.width) / _LONGEST_SIDE)
    small = (max(2, round(info.height / shrink)), max(2, round(info.width / shrink)))
    first, count = round(start_s * FPS), None if duration_s is None else round(duration_s * FPS)
    length_s = info.duration_s - start_s if info.duration_s else len(wav) / RATE  # some containers do not tell
    about = max(1, round(length_s * FPS))
    about = about if count is None else min(about, count)
    total = 0

    def samples() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal total
        every = max(1, about // _SAMPLES)
        for frame in read_frames(video, fps=FPS, size=small, start=first, count=count):
            if total % every == 0:
                yield (first + total) / FPS, frame
            total += 1
            tick(total, 2 * about)

    box = find_face_box(samples(), detector, video=str(video), margin=_MARGIN)
    if total < SHORTEST_S * FPS:
        raise DataError(
            f"{video} lasts {total / FPS:.1f} s; at least {SHORTEST_S:.0f} s are needed, minutes are better."
        )
    crop = crop_square([value * shrink for value in box], info.height, info.width, size)
    check_room(folder, total, size)
    frames = map_new_array(folder / "frames.npy", (total, size, size, 3))
    for index, frame in enumerate(read_frames(video, fps=FPS, crop=crop, size=(size, size), start=first, count=total)):
        frames[index] = frame
        tick(total + index + 1, 2 * total)
    frames.flush()
    write_wav(folder / "audio.wav", wav)
    return {
        "frames": total,
        "height": size,
        "width": size,
        "crop_px": list(crop),
        "source_height": info.height,
        "source_width": info.width,
        "source_fps": info.fps,
        "sound_s": len(wav) / RATE,
    }
