"""What was found of a stage, and from where on it is good, fair or poor."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from utils.files.tables import read_json, write_json

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
        if not math.isfinite(value):
            return "poor"
        sign = 1 if self.rising else -1
        return "good" if sign * value >= sign * self.good else "fair" if sign * value >= sign * self.fair else "poor"

    def asks(self, show: str = "{:g}") -> str:
        """Say from where on a figure is good, to stand in brackets behind it."""
        return f"(good {'from' if self.rising else 'up to'} {show.format(self.good)})"


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


def tell(
    stages: Iterable[Finding], out: Path, about: dict[str, Any], limits: Mapping[str, Limit], *, as_json: bool = False
) -> None:
    """Print stages as they are judged, and write them with their limits as JSON.

    Args:
        stages: What was found, one after the other.
        out: The file to write.
        about: Of whom or what it is.
        limits: By what figures were judged.
        as_json: Print what is written; the lines go to standard error.
    """
    findings: list[Finding] = []
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        for stage in stages:
            findings.append(stage)
            show(stage)
    plain, by = [asdict(stage) for stage in findings], {name: asdict(limit) for name, limit in limits.items()}
    write_json(out, {**about, "stages": plain, "limits": by})
    print(json.dumps(read_json(out), indent=1) if as_json else out)


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
