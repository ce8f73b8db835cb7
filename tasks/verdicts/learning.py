"""Judge by a run's table of figures whether it still learns, and whether it learns by heart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tasks.core.config import TaskConfig
from tasks.core.history import KEY, read_rows
from tasks.verdicts.findings import Finding
from tasks.verdicts.judgements import LIMITS

TRAIN = "tr/total_loss"
FALLS = 0.97
"""The last fifth of a curve below this share of the fifth before: it falls still."""


def learning(run: Path, config: TaskConfig, remedy: str) -> Iterator[Finding]:
    """Judge the loss, and the validation figure that chooses the best checkpoint.

    Args:
        run: The run's folder.
        config: Its settings.
        remedy: What to do against learning by heart.
    """
    rows = read_rows(run / "metrics.csv") or []
    losses, figures = (
        [(int(row[KEY]), float(row[name])) for row in rows if row.get(name)]
        for name in (TRAIN, config.valid_monitor_key)
    )
    yield loss_falls(losses)
    yield past_best(figures, losses, config, remedy)


def loss_falls(losses: list[tuple[int, float]]) -> Finding:
    """Judge whether the loss of training fell; `losses` are pairs of update and value."""
    name, means = "loss", "Nothing was learnt since the beginning."
    if len(losses) < 4:
        said = f"metrics.csv holds {len(losses)} values of {TRAIN}"
        return Finding(name, "not measured", said, means="A curve needs four.", remedy="Lower tb_log_interval.")
    values = np.array([value for _, value in losses])
    if not np.isfinite(values).all():
        said = f"not a number at update {losses[int(np.argmin(np.isfinite(values)))][0]}"
        return Finding(name, "poor", said, means="The training fell apart.", remedy="Lower lr, or set clip_grad_norm.")
    fifth = max(1, len(values) // 5)
    first, last = float(values[: max(1, fifth // 2)].mean()), float(values[-fifth:].mean())
    before = float(values[-2 * fifth : -fifth].mean())
    ratio = last / first if first > 0 else 1.0
    falls = last < FALLS * before
    said = f"from {first:.3g} to {last:.3g} over {losses[-1][0]} updates, {ratio:.0%} of it is left "
    said += LIMITS["loss_ratio"].asks("{:.0%}") + ("; it falls still: more updates help" if falls else "")
    remedy = (
        "Train on: the same command with a larger max_updates."
        if falls
        else ("Raise lr by 3 and look again after a few hundred updates; look at the data above first.")
    )
    shown = {"first": first, "last": last, "loss_ratio": ratio, "falls_still": float(falls)}
    return Finding(name, LIMITS["loss_ratio"].judge(ratio), said, shown, means, remedy)


def past_best(
    figures: list[tuple[int, float]], losses: list[tuple[int, float]], config: TaskConfig, remedy: str
) -> Finding:
    """Judge how far validation is past its best, while the loss of training goes on falling; pairs as above."""
    name, key = "training against validation", config.valid_monitor_key
    means = "What was learnt lately holds for the training data alone; the best checkpoint is from before that."
    finite = [(update, value) for update, value in figures if np.isfinite(value)]
    if len(finite) < 2:
        said = f"metrics.csv holds {len(finite)} values of {key}"
        return Finding(name, "not measured", said, means="Two validations are needed.", remedy="Train on.")
    rising = config.valid_monitor_mode == "max"
    update, best = (max if rising else min)(finite, key=lambda one: one[1])
    last = finite[-1][1]
    over, under = (best, last) if rising else (last, best)
    ratio = over / under if under > 0 else float("inf") if over > 0 else 1.0
    said = f"{key} was best at update {update} ({best:.3g}), and is {last:.3g} at {finite[-1][0]}"
    later = [value for at, value in losses if at > update]
    shown = {"best": best, "last": last, "best_update": float(update), "past_best": ratio}
    if later and update != finite[-1][0]:
        shown["training_since"] = later[-1] / later[0] if later[0] > 0 else 1.0
        said += f", while the loss of training went to {shown['training_since']:.0%}"
    return Finding(name, LIMITS["past_best"].judge(ratio), said, shown, means, remedy)
