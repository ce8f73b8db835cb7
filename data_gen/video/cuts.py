"""Find where a video was cut: a frame that differs from the one before far more than its neighbours do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.job import MIN_FRAMES, VideoJob, first_held_out
from data_gen.video.sections.left_out import kept
from data_gen.video.stage import Bench
from utils.arrays import Bytes
from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.processes.workers import in_parallel
from utils.rates import FPS

CUTS_VERSION = 1
SIDE = 96
"""Frames are compared as grey pictures of this side."""
WINDOW = 6
LEAST_RATIO = 2.5
"""How many times larger than the largest change nearby the change at a cut is. Real cuts measured: 3.5 to 30, jump
cuts within one shot 6 to 20; blinks, nods and dropped frames at most 1.8."""
_FLOOR = 0.3


def cuts_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write how much each frame differs from the one before; return the cuts."""
    frames = bench.pictures("convert", "frames")

    def watched() -> Iterator[Bytes]:
        for index, frame in enumerate(in_parallel(lambda number: frames[number], range(len(frames)))):
            yield frame
            tick(index + 1, len(frames))

    changes = frame_changes(watched())
    cuts = find_cuts(changes)
    refuse_without_runs(bench.job, cuts, len(frames))
    save_arrays(folder / "arrays.safetensors", {"changes": changes})
    return {"cuts": cuts}


def refuse_without_runs(
    job: VideoJob, cuts: Sequence[int], frames: int, left_out: Sequence[tuple[int, int]] = ()
) -> None:
    """Refuse what training could not use: no run of one shot that is long enough, to learn from or to validate on.

    Args:
        job: Its video, and how much of the end is held out.
        cuts: First frame of each new shot.
        frames: How many the video has.
        left_out: [start, stop) runs of frames in which no face is seen.

    Raises:
        DataError: With the part of the video in which there is none.
    """
    keep = kept(frames, left_out)
    used = np.flatnonzero(keep)
    first_used = first_held_out(len(used), job.val_seconds)
    if first_used <= 0:
        return  # shorter than what is to be held out: the dataset's stage says so, with both lengths
    held_out = int(used[first_used])
    edges = {*cuts, *(edge for run in left_out for edge in run)}
    for first, last, what in ((0, held_out, "learn from"), (held_out, frames, "validate on")):
        inside = [first, *sorted(edge for edge in edges if first < edge < last), last]
        if max((b - a for a, b in itertools.pairwise(inside) if keep[a]), default=0) < MIN_FRAMES:
            whole = " with a face in it" if len(left_out) else ""
            raise DataError(
                f"{job.video}: from {first / FPS:.1f} to {last / FPS:.1f} s, the part to {what}, no shot{whole} lasts "
                f"{MIN_FRAMES / FPS:.2f} s. Use a longer video, or another part of it (--start_s, --duration_s)."
            )


def find_cuts(changes: NDArray[np.floating]) -> list[int]:
    """Return the first frame of every new shot.

    Args:
        changes: (T,) how much each frame differs from the one before, in grey levels; the first is 0.
    """
    count = len(changes)
    padded = np.pad(np.asarray(changes, np.float64), WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * WINDOW + 1).copy()
    windows[:, WINDOW] = 0
    ratio = np.asarray(changes) / (windows.max(axis=1) + _FLOOR)
    return [int(frame) for frame in range(1, count) if ratio[frame] > LEAST_RATIO]


def frame_changes(frames: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return (T,) the mean grey-level difference of each (H, W, 3) frame from the one before it."""
    import cv2

    changes = []
    before: NDArray[np.float32] | None = None
    for frame in frames:
        grey = cv2.cvtColor(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        now = grey.astype(np.float32)
        changes.append(0.0 if before is None else float(np.abs(now - before).mean()))
        before = now
    return np.array(changes, np.float32)
