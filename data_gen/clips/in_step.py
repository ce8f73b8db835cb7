"""Put the sound of clips in step with the lips: what one short clip cannot tell, all of a video or a speaker can.

Each clip has a curve, the correlation of lips and sound at each offset (`data_gen.video.sync_offset`); in a few seconds
chance has peaks as high as the true one. Chance has them elsewhere in every clip, so the mean curve has one peak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from data_gen.clips.shards import ClipInfo
from data_gen.video.sync_offset import corrected_offset, judge_curve

JUDGE_FRAMES = 200
"""In fewer a sound that is out of step cannot be told from chance."""


def source_of(clip: ClipInfo) -> str:
    """Return the name of the video that a clip is cut from."""
    return clip.id.split("@")[0]


def late_rows(clips: Sequence[ClipInfo], curves: Mapping[str, Sequence[float]]) -> dict[str, int]:
    """Tell by how many rows of 20 ms the sound of each clip is late; 0 where it is in step or cannot be told.

    Args:
        clips: All of a corpus.
        curves: Clip -> correlations at all offsets, of those that are long enough to have one.

    A video that is long enough is judged by itself, since each may be late in its own way; others by their speaker.
    """
    sources = _pooled(clips, curves, [source_of(clip) for clip in clips])
    speakers = _pooled(clips, curves, [clip.speaker for clip in clips])
    return {
        clip.id: next((rows for rows in (sources[source_of(clip)], speakers[clip.speaker]) if rows is not None), 0)
        for clip in clips
    }


def _pooled(
    clips: Sequence[ClipInfo], curves: Mapping[str, Sequence[float]], groups: Sequence[str]
) -> dict[str, int | None]:
    """Judge clips by group: rows of delay, None where it cannot be told."""
    sums: dict[str, NDArray[np.float64]] = {}
    frames = dict.fromkeys(groups, 0)
    for clip, group in zip(clips, groups, strict=True):
        if clip.id in curves:
            weighed = clip.frames * np.asarray(curves[clip.id], np.float64)
            sums[group] = sums[group] + weighed if group in sums else weighed
            frames[group] += clip.frames
    rows: dict[str, int | None] = {}
    for group, count in frames.items():
        rows[group] = None
        if count >= JUDGE_FRAMES:
            sync = judge_curve(sums[group] / count, count)
            rows[group] = round(2 * corrected_offset(asdict(sync))) if sync.measurable else None
    return rows
