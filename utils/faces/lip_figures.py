"""What one sees of lips at once: whether they meet where the real ones do, and whether they tremble."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils.arrays import Reals
from utils.faces.landmarks import MOUTH, lip_gap

SHUT, APART = 0.15, 0.35
"""Of the way from a face's nearest lips (of 20 frames) to its widest: below the first they are shut, from the second
on apart. Between them nothing is said of them."""
LONGEST = 8
"""Lips that are shut for more frames rest, and say no p."""
_SLACK = 1
"""Frames by which lips may shut sooner or later than the real ones."""
Span = tuple[int, int]


class Stretch(NamedTuple):
    """Lips to judge, without a cut.

    points, real: (T, 68, 2 or 3) in any unit, the imagined face's and the real one's, as seen from before them: depth
    is not looked at; not finite where no face was found.
    spans: frames [start, stop) in each of which the lips meet once, as far as that is known.
    """

    points: Reals
    real: Reals
    spans: Sequence[Span] | None = None


def lip_figures(stretches: Sequence[Stretch]) -> dict[str, float]:
    """Compare lips with the real ones; a figure is NaN where there is nothing to judge by.

    Returns:
        closures: how often real lips meet, where it is known when (`Stretch.spans`), else between two openings;
        closure_recall: the share of these in which the imagined lips meet, too; closed_wrongly: the share of the frames
        of real lips well apart in which the imagined are shut; trembling: mean size of the mouth points' acceleration,
        of the real one's.
    """
    gaps = [(lip_gap(one.points[..., :2]), lip_gap(one.real[..., :2])) for one in stretches]
    whole = np.concatenate([real[np.isfinite(real)] for _, real in gaps])
    if not len(whole):
        return dict.fromkeys(("closure_recall", "closed_wrongly", "trembling"), float("nan")) | {"closures": 0.0}
    low, high = np.quantile(whole, [0.05, 0.95])
    shut_at, apart_at = (low + share * (high - low) for share in (SHUT, APART))
    closures = kept = apart = wrong = 0
    for one, (gap, real) in zip(stretches, gaps, strict=True):
        shut, true = gap <= shut_at, real <= shut_at
        spans = _between_openings(true) if one.spans is None else _within(one.spans, true)
        spans = [(start, stop) for start, stop in spans if np.isfinite(gap[start:stop]).any()]
        closures += len(spans)
        kept += sum(bool(shut[start:stop].any()) for start, stop in spans)
        open_ = (real >= apart_at) & np.isfinite(gap)
        apart += int(open_.sum())
        wrong += int((shut & open_).sum())
    return {
        "closures": float(closures),
        "closure_recall": kept / closures if closures else float("nan"),
        "closed_wrongly": wrong / apart if apart else float("nan"),
        "trembling": trembling(stretches),
    }


def _within(spans: Iterable[Span], true: NDArray[np.bool_]) -> list[Span]:
    """Keep the spans in which the real lips (T,) meet: a slip of tongue or table is no fault of a network."""
    inside = [(max(0, start), max(0, stop)) for start, stop in spans]
    return [(start, stop) for start, stop in inside if true[start:stop].any()]


def _between_openings(true: NDArray[np.bool_]) -> list[Span]:
    """List where lips (T,) meet between two openings, widened by the slack."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], true.astype(np.int8), [0]])))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [
        (start - _SLACK, stop + _SLACK) for start, stop in runs
        if start > 0 and stop < len(true) and stop - start <= LONGEST
    ]  # fmt: skip


def trembling(stretches: Sequence[Stretch]) -> float:
    """Return the mean size of the acceleration of the mouth's points, less their own mean, over the real one's.

    1 is as lively as a filmed mouth, whose tracking trembles a little, too; NaN for stretches of fewer than 3 frames.
    """
    sums = np.zeros(2)
    for one in stretches:
        seen = [p[:, MOUTH, :2] for p in (one.points, one.real)]
        mouths = [p - p.mean(axis=1, keepdims=True) for p in seen]
        sizes = [np.linalg.norm(np.diff(mouth, n=2, axis=0), axis=-1) for mouth in mouths]
        both = np.isfinite(sizes[0]) & np.isfinite(sizes[1])
        sums += [float(size[both].sum()) for size in sizes]
    return float(sums[0] / sums[1]) if sums[1] > 0 else float("nan")
