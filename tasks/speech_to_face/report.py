"""Write figures with their intervals: as JSON, as a table, as a picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tasks.core.task import Task
from tasks.core.trainer import validate
from utils.files.aside import write_aside
from utils.files.tables import write_json

log = logging.getLogger(__name__)


def validate_into(task: Task, folder: Path) -> None:
    """Validate a trained task, whose figures with their intervals go to `folder`, and print its figures."""
    for name, value in sorted(validate(task, folder).items()):
        print(f"{name:32} {value:.6g}")


def write_report(folder: Path, about: dict[str, Any], figures: dict[str, dict[str, float]]) -> None:
    """Write figures as JSON, as a table and as a picture."""
    write_json(folder / "evaluation.json", {"about": about, "figures": figures})
    lines = ["| figure | value | 95 % interval | chance |", "|---|---|---|---|"]
    for name, f in figures.items():
        interval = f"{f['low']:.3f} to {f['high']:.3f}" if "low" in f else ""
        chance = f"{f['chance']:.3f}" if "chance" in f else ""
        lines.append(f"| {name} | {f['mean']:.3f} | {interval} | {chance} |")
    with write_aside(folder / "evaluation.md") as aside:
        aside.write_text("\n".join(lines) + "\n")
    _write_picture(folder / "evaluation.png", figures)
    log.info("Figures with intervals: %s", folder / "evaluation.md")


def _write_picture(path: Path, figures: dict[str, dict[str, float]]) -> None:
    """Draw the figures with their intervals; those outside -1..1 are left to the table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {name: f for name, f in figures.items() if abs(f["mean"]) <= 1}
    figure = Figure(figsize=(7, 0.32 * len(shown) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    for row, f in enumerate(reversed(shown.values())):
        axes.plot([f["mean"]], [row], "o", color="tab:blue")
        if "low" in f:
            axes.plot([f["low"], f["high"]], [row, row], color="tab:blue")
        if "chance" in f:
            axes.plot([f["chance"]], [row], "|", color="tab:red", markersize=12)
    axes.set_yticks(range(len(shown)), list(reversed(shown)))
    axes.axvline(0, color="grey", linewidth=0.5)
    axes.set_xlabel("value and 95 % interval; red: chance")
    FigureCanvasAgg(figure)
    with write_aside(path) as aside:
        figure.savefig(aside, dpi=110)
