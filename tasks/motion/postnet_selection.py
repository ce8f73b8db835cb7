"""Choose the step of a postnet by one figure, from what a careful user looks at.

GeneFace's guide leaves the choice to the eye, by three principles: the squared error and the sync loss of the
validation are low, the critic cannot tell (its scores of both sides are near 0.5), and of equally good steps the
earlier is the better one. Here they are one score, the lower the better:

    score = mse / mse_before + sync / sync_before + |neg - 0.5| + |pos - 0.5| + 0.2 * step / max_updates

`before` is the same figure of the landmarks as they came in, so that 2 is "refined nothing, and at once". A step whose
refined mouths hardly move beside the person's is collapsed: every sound ends in one face. It has no score, and is never
chosen. Where already the landmarks that came in hardly move, they are the measure: that is no fault of the refiner.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils.files.aside import write_aside
from utils.files.tables import write_json

STEP_WEIGHT = 0.2
"""What all of the training costs."""
NUMBERS = ("mse", "mse_before", "variance_ratio", "variance_ratio_before")
"""Parts that every recipe has; written as null where they are no numbers."""
SCORE_FILE, PICTURE_FILE = "selection.json", "selection.png"


class Parts(NamedTuple):
    """What one validation says of a refiner; `sync` and the critic's scores are None where the recipe has none."""

    step: int
    mse: float
    mse_before: float
    sync: float | None
    sync_before: float | None
    critic_refined: float | None
    """Mean score of refined frames, 1 = taken for the person's own (the guide's disc_neg_conf)."""
    critic_own: float | None
    """Mean score of the person's own frames (the guide's disc_pos_conf)."""
    variance_ratio: float
    """Variance over time of the refined mouth over that of the recorded one."""
    variance_ratio_before: float
    """The same of the landmarks as they came in."""


def is_collapsed(parts: Parts, below: float) -> bool:
    """Tell whether refined mouths move so little that every sound ends in one face, or are no numbers."""
    return not parts.variance_ratio >= below * min(1.0, parts.variance_ratio_before)


def score(parts: Parts, max_updates: int, collapse_below: float) -> float:
    """Return the score of a step, the lower the better; NaN where it must not be chosen."""
    if is_collapsed(parts, collapse_below):
        return math.nan
    total = parts.mse / max(parts.mse_before, 1e-9) + STEP_WEIGHT * parts.step / max_updates
    if parts.sync is not None and parts.sync_before is not None:
        total += parts.sync / max(parts.sync_before, 1e-9)
    for critic_score in (parts.critic_refined, parts.critic_own):
        if critic_score is not None:
            total += abs(critic_score - 0.5)
    return total


class Selection:
    """Keep the parts of every validation of a run, in its folder, and say which step they speak for.

    Args:
        work_dir: Folder of the run.
        max_updates: Length of the training.
        collapse_below: Variance ratio under which a step is collapsed.
    """

    def __init__(self, work_dir: Path, max_updates: int, collapse_below: float) -> None:
        self.work_dir, self.max_updates, self.collapse_below = Path(work_dir), max_updates, collapse_below
        self.rows: list[Parts] = []

    def load(self, until: int) -> None:
        """Take back what an interrupted run wrote up to update `until`; a damaged file counts as none."""
        try:
            saved = json.loads((self.work_dir / SCORE_FILE).read_text(encoding="utf-8"))["validations"]
            rows = [Parts(**{name: _number(name, row[name]) for name in Parts._fields}) for row in saved]
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return
        self.rows = [row for row in rows if row.step <= until]

    def add(self, parts: Parts) -> None:
        """Add one validation and write all of them."""
        self.rows = [row for row in self.rows if row.step < parts.step] + [parts]
        self.write()

    def scores(self) -> list[float]:
        """Return the score of every validation."""
        return [score(row, self.max_updates, self.collapse_below) for row in self.rows]

    def chosen(self) -> int | None:
        """Return the step with the lowest score, the earlier of two alike; None when there is none."""
        sound = [(value, row.step) for value, row in zip(self.scores(), self.rows, strict=True) if math.isfinite(value)]
        return min(sound)[1] if sound else None

    def collapsed(self) -> list[int]:
        """Return the collapsed steps."""
        return [row.step for row in self.rows if is_collapsed(row, self.collapse_below)]

    def write(self) -> None:
        """Write `selection.json`: the chosen step, the collapsed ones, and the parts and the score of each."""
        rows = [
            {k: _plain(v) for k, v in row._asdict().items()} | {"score": _plain(value)}
            for row, value in zip(self.rows, self.scores(), strict=True)
        ]
        write_json(
            self.work_dir / SCORE_FILE,
            {
                "chosen": self.chosen(),
                "collapsed": self.collapsed(),
                "score": "mse/mse_before + sync/sync_before + |critic_refined-0.5| + |critic_own-0.5| "
                f"+ {STEP_WEIGHT}*step/{self.max_updates}; lower is better",
                "collapse_below": self.collapse_below,
                "validations": rows,
            },
        )

    def draw(self) -> None:
        """Draw `selection.png`: every part over the steps, the chosen step marked, collapsed ones shaded."""
        figure = self._figure()
        with write_aside(self.work_dir / PICTURE_FILE) as aside:
            figure.savefig(aside, format="png", dpi=80)

    def _figure(self) -> Any:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        steps = [row.step for row in self.rows]
        figure = Figure(figsize=(9, 7.5), layout="constrained")
        FigureCanvasAgg(figure)
        panels: Sequence[tuple[str, dict[str, list[float | None]], float | None]] = (
            ("squared error", self._curves("mse", "mse_before"), None),
            ("sync loss", self._curves("sync", "sync_before"), None),
            ("critic's scores", self._curves("critic_refined", "critic_own"), 0.5),
            (
                "mouth variance",
                self._curves("variance_ratio", "variance_ratio_before"),
                self.collapse_below,
            ),
            ("score", {"score": list(self.scores())}, None),
        )
        chosen = self.chosen()
        axes = figure.subplots(len(panels), 1, sharex=True)
        for axis, (title, curves, level) in zip(axes, panels, strict=True):
            for name, values in curves.items():
                axis.plot(steps, np.array([math.nan if v is None else v for v in values]), marker=".", label=name)
            if level is not None:
                axis.axhline(level, color="grey", linewidth=0.8, linestyle=":")
            for step in self.collapsed():
                axis.axvline(step, color="tab:red", alpha=0.25, linewidth=5)
            if chosen is not None:
                axis.axvline(chosen, color="tab:green", linewidth=1.5)
            axis.set_ylabel(title, fontsize=8)
            axis.legend(fontsize=7, loc="upper right")
        words = "no step can be used" if chosen is None else f"chosen: step {chosen} (green)"
        axes[0].set_title(words + ("; collapsed steps are red" if self.collapsed() else ""))
        axes[-1].set_xlabel("update")
        return figure

    def _curves(self, *names: str) -> dict[str, list[float | None]]:
        return {name: [getattr(row, name) for row in self.rows] for name in names}


def _number(name: str, value: Any) -> Any:
    """Undo `_plain`: null is no number in the parts that every recipe has."""
    return math.nan if value is None and name in NUMBERS else value


def _plain(value: float | int | None) -> float | int | None:
    """Write what is no number as null."""
    return None if value is None or not math.isfinite(value) else value
