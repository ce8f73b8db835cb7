"""What was found of a stage, and from where on it is good, fair or poor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Verdict = Literal["good", "fair", "poor", "not trained", "not measured"]
ORDER: tuple[Verdict, ...] = ("poor", "fair", "good")


@dataclass(frozen=True)
class Limit:
    """From where on a figure is good, and from where on no longer poor; `rising` False: the smaller the better."""

    good: float
    fair: float
    rising: bool = True

    def judge(self, value: float) -> Verdict:
        """Return good, fair or poor."""
        if not np.isfinite(value):
            return "poor"
        sign = 1 if self.rising else -1
        return "good" if sign * value >= sign * self.good else "fair" if sign * value >= sign * self.fair else "poor"


LIMITS: dict[str, Limit] = {
    "offset_frames": Limit(0.75, 1.5, rising=False),
    "offset_within_1": Limit(0.8, 0.5),
    "offset_within_1_kept": Limit(0.9, 0.6),
    "lip_correlation": Limit(0.75, 0.5),
    "lip_error_ratio": Limit(1.02, 1.1, rising=False),
    "outside": Limit(0.02, 0.1, rising=False),
    "lip_spread": Limit(0.7, 0.5),
    "face_psnr": Limit(26.0, 22.0),
}


@dataclass
class Finding:
    """What was found of one stage.

    Attributes:
        name: Of the stage.
        verdict: The worst of its figures' verdicts.
        figures: Name -> value.
        said: The figures in words.
        means: What a poor one means.
        remedy: What to do when it is not good.
        source: The checkpoint it was judged with.
    """

    name: str
    verdict: Verdict
    said: str
    figures: dict[str, float] = field(default_factory=dict)
    means: str = ""
    remedy: str = ""
    source: str = ""


def show(stage: Finding) -> None:
    """Print a stage; what it means and what to do only where it is not good."""
    print(f"{stage.verdict:>12}  {stage.name}: {stage.said}")
    if stage.verdict not in ("good", "not trained"):
        print(f"{'':14}{stage.means}")
    if stage.verdict != "good" and stage.remedy:
        print(f"{'':14}-> {stage.remedy}")


def absent(name: str, remedy: str) -> Finding:
    """Return a stage that has no network yet, or none that can be read."""
    if remedy.startswith("python"):
        return Finding(name, "not trained", "not trained yet", remedy=remedy)
    return Finding(name, "not measured", remedy, means="Its network cannot be read.", remedy="Train it again.")


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of some verdicts."""
    return min(verdicts, key=ORDER.index)


def one_line(error: Exception) -> str:
    """Return an error in one line."""
    return " ".join(str(error).split())
