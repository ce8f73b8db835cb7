"""Stretches of a video that teach nothing, since no face is seen: left out as if they had been cut out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from utils.shots import shot_ranges

MAX_GAP = 8
"""Frames without a face in a row that are bridged by interpolation."""
MAX_MISSING = 0.05
"""Share of a video's frames that may be bridged; when more lack a face, all of them are left out."""
LEAST_SHARE = 0.5
"""Share of a video in which a face must be seen."""
_MARGIN = 2
"""Frames on both sides of a stretch that go with it: what comes before the face is half there."""
_SHORTEST_RUN = 12
"""Frames between two stretches that are worth keeping."""

Runs = list[tuple[int, int]]


def stretches_without(has_face: NDArray[np.bool_], cuts: Iterable[int] = ()) -> Runs:
    """List the [start, stop) runs of frames to leave out of a video, by which of them have a face: `has_face` (T,).

    A run of up to `MAX_GAP` frames is none, unless they are too many in all. What is left between two of them, or
    between one and a cut, is left out too when it is too short to learn from.
    """
    missing = _runs(~has_face)
    long = [run for run in missing if run[1] - run[0] > MAX_GAP]
    bridged = sum(stop - start for start, stop in missing) - sum(stop - start for start, stop in long)
    if bridged > MAX_MISSING * len(has_face):
        long = missing
    if not long:
        return []
    out = np.zeros(len(has_face), bool)
    for start, stop in long:
        out[max(0, start - _MARGIN) : stop + _MARGIN] = True
    inner = set(cuts)
    edges = {edge for run in _runs(out) for edge in run}
    for start, stop in shot_ranges(len(has_face), [*inner, *edges]):
        if not out[start] and stop - start < _SHORTEST_RUN and {start, stop} & edges:
            out[start:stop] = True
    return _runs(out)


def kept(count: int, left_out: Iterable[Sequence[int]]) -> NDArray[np.bool_]:
    """Return (count,) which frames of a video are not left out."""
    keep = np.ones(count, bool)
    for start, stop in left_out:
        keep[start:stop] = False
    return keep


def times_told(stretches: Sequence[tuple[float, float]], most: int = 8) -> str:
    """Write stretches in seconds: "from 3.0 to 13.0 s and from 15.0 to 16.0 s"; the rest is counted."""
    words = [f"from {start:.1f} to {stop:.1f} s" for start, stop in stretches[:most]]
    if len(stretches) > most:
        words.append(f"in {len(stretches) - most} more")
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def how_to_keep(stretches: Sequence[tuple[float, float]]) -> str:
    """Say which flags keep the longest of some stretches, in seconds."""
    start, stop = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    return f"add --start_s {start:.4g} --duration_s {stop - start:.4g} to use that part alone"


def _runs(flags: NDArray[np.bool_]) -> Runs:
    steps = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    starts, stops = np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist()
    return list(zip(starts, stops, strict=True))
