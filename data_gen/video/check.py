"""What a line of the report is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data_gen.video.dataset import VideoDataset

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One question, its answer, the verdict, and what to do when it is not `pass`."""

    name: str
    value: str
    verdict: Verdict
    remedy: str = ""


def make_check(name: str, value: str, good: bool, remedy: str, *, bad: bool = False) -> Check:
    """Return a check that passes when it is `good`, fails when it is `bad`, and warns otherwise."""
    verdict: Verdict = "fail" if bad else "pass" if good else "warn"
    return Check(name, value, verdict, "" if verdict == "pass" else remedy)


def spread(data: VideoDataset, wanted: int) -> np.ndarray:
    """Return the numbers of up to so many frames from all over the video, (N,), without what is left out."""
    used = data.frame_ids()
    return used[np.unique(np.linspace(0, len(used) - 1, min(wanted, len(used))).round().astype(int))]
