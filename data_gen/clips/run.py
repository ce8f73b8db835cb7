"""Make a folder of clips from a folder of short videos, one speaker each.

    python data_gen/run.py clips --out data/binary/lrs3 --videos data/raw/lrs3

The speaker is the folder a video lies in (`<videos>/<speaker>/<clip>.mp4`); videos that lie directly in `--videos` are
a speaker each. A clip that cannot be used is listed with the reason and left out. What was made is kept: the command
may be stopped and run again.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from data_gen.clips.process import Arrays, process_clip
from data_gen.clips.shards import CLIPS_PER_SHARD, ClipShardWriter
from utils.errors import AssetError, ConfigError, DataError, UserError
from utils.landmark_detector import LandmarkDetector, detector_name, make_detector

log = logging.getLogger(__name__)
SUFFIXES = {".mp4", ".mpg", ".mpeg", ".mov", ".avi", ".mkv", ".webm"}
VERSION = 1
"""Raise it when process_clip changes what it writes: old shards are then made again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--videos", type=Path, required=True, help="folder of videos: <speaker>/<clip>.mp4")
    parser.add_argument("--out", type=Path, required=True, help="folder to fill, for example data/binary/lrs3")
    parser.add_argument(
        "--audio_features", default="mel,mfcc",
        help="comma-separated speech features: mel, mfcc, whisper, hubert (the last two need their weights)",
    )  # fmt: skip
    parser.add_argument("--detector", default="auto", help="landmark detector: auto, mediapipe, face_alignment, dlib")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--per_shard", type=int, default=CLIPS_PER_SHARD, help="clips per file")
    parser.add_argument("--licence", default="", help="licence and consent of the videos, kept with the data")


def main(args: argparse.Namespace) -> int:
    """Process every video and write the index; return 0.

    Raises:
        DataError: No video was found, or none could be used.
    """
    from utils.audio import FEATURE_WIDTHS
    from utils.files import fingerprint

    features = [name.strip() for name in args.audio_features.split(",") if name.strip()]
    if unknown := [name for name in features if name not in FEATURE_WIDTHS]:
        raise DataError(f"No speech feature is called '{unknown[0]}'. Known: {', '.join(FEATURE_WIDTHS)}.")
    if not features:
        raise ConfigError(f"--audio_features names none. Known: {', '.join(FEATURE_WIDTHS)}.")
    if args.per_shard < 1:
        raise ConfigError(f"--per_shard {args.per_shard}: must be at least 1")
    detector = detector_name(args.detector)
    videos = find_videos(args.videos)
    shards = [videos[i : i + args.per_shard] for i in range(0, len(videos), args.per_shard)]
    writer = ClipShardWriter(
        args.out, {name: FEATURE_WIDTHS[name] for name in features}, landmark_source=detector, licence=args.licence
    )
    first = 0
    for number, some in enumerate(shards):
        stamps = [(str(p.relative_to(args.videos)), p.stat().st_size, p.stat().st_mtime_ns) for p in some]
        recipe = fingerprint(VERSION, stamps, features, detector)
        if writer.has(number, recipe):
            log.info("shard %d of %d: kept", number + 1, len(shards))
        else:
            skipped: dict[str, str] = {}
            made = _process(some, detector, features, args.workers, skipped)
            clips = ((clip_id(p, args.videos), speaker_of(p, args.videos), arrays) for p, arrays in made)
            writer.write(number, clips, recipe=recipe, skipped=skipped, first=first)
            used = len(some) - len(skipped)
            log.info("shard %d of %d: %d clips, %d skipped", number + 1, len(shards), used, len(skipped))
        first += len(some)
    index = writer.finish(len(shards)).index
    speakers = len({clip.speaker for clip in index.clips})
    minutes = sum(clip.frames for clip in index.clips) / 1500
    for file, why in index.skipped.items():
        print(f"skipped {file}: {why}")
    print(f"{args.out}: {len(index.clips)} clips of {speakers} speaker(s), {minutes:.1f} minutes")
    return 0


def find_videos(folder: Path) -> list[Path]:
    """List the videos under a folder, sorted by path.

    Raises:
        DataError: There is none.
    """
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise DataError(f"No video under {folder}. Put clips there as <speaker>/<clip>.mp4 ({kinds}).")
    return found


def speaker_of(video: Path, folder: Path) -> str:
    """Return the speaker's name: the folder the video lies in, else the video itself."""
    parts = video.relative_to(folder).parts
    return parts[-2] if len(parts) > 1 else video.stem


def clip_id(video: Path, folder: Path) -> str:
    """Return a name for the clip, unlike any other's: its path without the suffix."""
    return str(video.relative_to(folder).with_suffix(""))


def _process(
    videos: Sequence[Path], detector: str, features: list[str], workers: int, skipped: dict[str, str]
) -> Iterator[tuple[Path, Arrays]]:
    """Yield the clips that can be used, in order; note the others in `skipped`."""
    jobs = [(video, detector, tuple(features)) for video in videos]
    if workers > 1:
        try:
            with ProcessPoolExecutor(workers) as pool:
                yield from _usable(videos, pool.map(_one, jobs), skipped)
        except BrokenProcessPool:
            raise DataError("A worker was killed, most likely for want of memory. Give fewer --workers.") from None
    else:
        yield from _usable(videos, map(_one, jobs), skipped)


def _usable(
    videos: Sequence[Path], results: Iterator[Arrays | str], skipped: dict[str, str]
) -> Iterator[tuple[Path, Arrays]]:
    for video, result in zip(videos, results, strict=True):
        if isinstance(result, str):
            log.warning("skipped %s: %s", video, result)
            skipped[str(video)] = result
        else:
            yield video, result


_detectors: dict[str, LandmarkDetector] = {}


def _one(job: tuple[Path, str, tuple[str, ...]]) -> Arrays | str:
    """Process one video; return why not when it cannot be used."""
    video, name, features = job
    if name not in _detectors:
        _detectors[name] = make_detector(name)
    try:
        return process_clip(video, _detectors[name], features)
    except (AssetError, ConfigError):
        raise
    except UserError as error:
        return " ".join(str(error).split())
