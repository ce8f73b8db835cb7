"""List the clips to make: which video, whose voice, from when to when."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from utils.errors import DataError
from utils.files.names import plain_name
from utils.files.tables import read_table
from utils.files.tree import files_under
from utils.media.video import VIDEOS, probe
from utils.rates import FPS

log = logging.getLogger(__name__)
COLUMNS = ("video", "speaker", "start_s", "stop_s")


class Video(NamedTuple):
    """A stretch of one file: `stop_s` None is its end; `name` is unlike any other's."""

    file: Path
    name: str
    speaker: str
    start_s: float = 0.0
    stop_s: float | None = None


class ClipJob(NamedTuple):
    """One clip to make: `frames` video frames (25 a second) from frame `first` on; None is all of the file."""

    id: str
    speaker: str
    video: str
    first: int = 0
    frames: int | None = None


def find_videos(source: Path) -> list[Video]:
    """List the videos of a folder (sorted by path) or of a CSV file (in its order).

    In a folder the speaker is the folder a video lies in; a video that lies directly in `source` is a speaker of its
    own. A CSV has a column `video` (a path, relative to the CSV's folder) and may have `speaker`, `start_s`, `stop_s`.

    Raises:
        DataError: There is none, or a row of the CSV makes no sense.
    """
    source = Path(source)
    if source.is_file():
        return _from_csv(source)
    files = [path for path in files_under(source) if path.suffix.lower() in VIDEOS]
    if not files:
        kinds = ", ".join(sorted(VIDEOS))
        raise DataError(f"No video under {source}. Put clips there as <speaker>/<clip>.mp4 ({kinds}).")
    stems = Counter(file.relative_to(source).with_suffix("") for file in files)
    videos = []
    for file in files:
        path = file.relative_to(source)
        name = path.with_suffix("") if stems[path.with_suffix("")] == 1 else path
        speaker = path.parts[-2] if len(path.parts) > 1 else path.stem
        videos.append(Video(file, name.as_posix(), plain_name(speaker)))
    return videos


def _from_csv(file: Path) -> list[Video]:
    rows = read_table(file, COLUMNS[:1])
    if ignored := [str(name) for name in rows[0] if name not in COLUMNS]:
        log.info("%s: not used: %s", file, ", ".join(ignored))
    videos, names = [], Counter[str]()
    for number, row in enumerate(rows, 2):
        path = Path(row["video"] or "")
        start, stop = (_seconds(row.get(key), f"{file}, line {number}: {key}") for key in ("start_s", "stop_s"))
        if not row["video"] or (stop is not None and stop <= (start or 0)):
            raise DataError(f"{file}, line {number}: wants a video, and a stop_s after its start_s.")
        whole = not start and stop is None
        name = path.with_suffix("").as_posix() + ("" if whole else f"@{start or 0:g}s")
        names[name] += 1
        unique = name if names[name] == 1 else f"{name}#{names[name]}"
        speaker = (row.get("speaker") or "").strip() or (path.parent.name or path.stem)
        videos.append(Video(file.parent / path, unique, plain_name(speaker), start or 0.0, stop))
    return videos


def _seconds(text: str | None, where: str) -> float | None:
    if not (text or "").strip():
        return None
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise DataError(f"{where} = '{text}': wants seconds, 0 or more.")
    return value


def plan_clips(videos: Sequence[Video], cut_seconds: float, threads: int = 4) -> tuple[list[ClipJob], dict[str, str]]:
    """Cut videos into clips of `cut_seconds`; return them, and the videos that cannot be opened with the reason.

    What remains at the end is a clip when it is at least half as long, else it stays with the clip before.
    """
    jobs: list[ClipJob] = []
    refused: dict[str, str] = {}
    with ThreadPoolExecutor(threads) as pool:
        for video, seconds in zip(videos, pool.map(_length, videos), strict=True):
            if isinstance(seconds, str):
                refused[video.name] = seconds
            else:
                jobs += _cut(video, seconds, round(cut_seconds * FPS))
    return jobs, refused


def _length(video: Video) -> float | str:
    try:
        info = probe(video.file)
    except DataError as error:
        return reason_without(str(error), video.file)
    return info.duration_s if info.has_audio else "it has no sound"


def _cut(video: Video, duration_s: float, length: int) -> Iterable[ClipJob]:
    first = round(video.start_s * FPS)
    end = min(duration_s, duration_s if video.stop_s is None else video.stop_s)
    count = round(end * FPS) - first
    whole = first == 0 and video.stop_s is None
    if count < 1.5 * length:
        yield ClipJob(video.name, video.speaker, str(video.file), first, None if whole else count)
        return
    pieces = max(1, int(count / length + 0.5))
    for piece in range(pieces):
        start = piece * length
        frames = count - start if piece == pieces - 1 else length
        name = f"{video.name}@{(first + start) / FPS:g}s"
        yield ClipJob(name, video.speaker, str(video.file), first + start, frames)


def reason_without(message: str, video: Path | str) -> str:
    """Return an error about a video in one line, less the video's own name in front."""
    line = " ".join(message.split())
    return line.removeprefix(str(video)).removeprefix(":").strip() or line
