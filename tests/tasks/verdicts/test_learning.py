"""A run's table tells whether it learns, no longer learns, or learns by heart."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.config import TaskConfig
from tasks.verdicts.learning import learning, loss_falls, past_best

LOW, HIGH = (TaskConfig(task_cls="x", valid_monitor_key=key, valid_monitor_mode=mode)
             for key, mode in (("val/total_loss", "min"), ("val/auc", "max")))  # fmt: skip


def curve(*values):
    return [(10 * number, float(value)) for number, value in enumerate(values)]


def test_a_loss_falls_stands_or_breaks():
    falling = loss_falls(curve(*np.linspace(1, 0.2, 50)))
    assert falling.verdict == "good"
    assert "it falls still" in falling.said
    assert falling.figures["falls_still"] == 1
    assert loss_falls(curve(*[1.0] * 50)).verdict == "poor"
    flat = loss_falls(curve(*np.linspace(1, 0.5, 25), *[0.5] * 25))
    assert (flat.verdict, flat.figures["falls_still"]) == ("good", 0)
    broken = loss_falls(curve(1, 0.9, float("nan"), 0.8, 0.7))
    assert (broken.verdict, broken.said) == ("poor", "not a number at update 20")
    assert loss_falls(curve(1, 2)).verdict == "not measured"


def test_validation_past_its_best_is_told():
    down, up = curve(1.0, 0.5, 0.4, 0.6), curve(0.5, 0.9, 0.8, 0.6)
    losses = curve(*np.linspace(1, 0.1, 4))
    told = past_best(down, losses, LOW, "Give more.")
    assert told.verdict == "poor"
    assert told.said.startswith("val/total_loss was best at update 20 (0.4), and is 0.6 at 30, while the loss")
    assert past_best(up, losses, HIGH, "Give more.").figures["past_best"] == pytest.approx(0.9 / 0.6)
    assert past_best(curve(0.5, 0.7, 0.9), losses, HIGH, "").verdict == "good"
    assert past_best(curve(0.5), losses, HIGH, "").verdict == "not measured"
    assert past_best(curve(0.2, -0.1), losses, HIGH, "").verdict == "poor", "nothing is left of it"


def test_the_table_of_a_run_is_read(tmp_path):
    rows = ["update,tr/total_loss,val/auc", *(f"{n},{1 / n},{'0.9' if n % 2 else ''}" for n in range(1, 20))]
    (tmp_path / "metrics.csv").write_text("\n".join(rows) + "\n")
    assert [stage.verdict for stage in learning(tmp_path, HIGH, "")] == ["good", "good"]
    assert [stage.verdict for stage in learning(tmp_path / "none", HIGH, "")] == ["not measured"] * 2
