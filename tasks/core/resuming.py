"""Go on from a checkpoint: weights, rates, and the refusal of another network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tasks.core.task import Task
from utils.errors import ConfigError


def set_rates(scheduler: Any, base: list[float]) -> None:
    """Give the optimiser's groups the rates that the schedule has at its place, from the rates it begins with."""
    if isinstance(scheduler, torch.optim.lr_scheduler.LambdaLR):
        factors = [factor(scheduler.last_epoch) for factor in scheduler.lr_lambdas]
        for group, rate, factor in zip(scheduler.optimizer.param_groups, base, factors, strict=True):
            group["lr"] = rate * factor


def take_weights(task: Task, checkpoint: dict[str, Any]) -> None:
    """Give a task the weights that training went on with, which with `ema_decay` are not the averaged ones."""
    task.load_state_dict(checkpoint["vizeme"].get("raw_state") or checkpoint["state_dict"])
    task.on_load_extra(checkpoint["vizeme"].get("extra", {}))


def refuse_other_network(task: Task, checkpoint: dict[str, Any], path: Path) -> None:
    """Raise ConfigError when the checkpoint was trained with another network than the recipe's."""
    old = checkpoint["vizeme"]["recipe"]
    new = task.cfg.model_dump(mode="json")
    differ = [f"{k} {old[k]!r} -> {new[k]!r}" for k in new if k in old and old[k] != new[k]]
    usual = {k: field.default for k, field in type(task.cfg).model_fields.items()}
    newer = [k for k in task.network_settings if k not in old and new[k] != usual[k]]
    differ += [f"{k} (there was none) -> {new[k]!r}" for k in newer]
    meaning = [k for k in task.network_settings if k in old and old[k] != new[k]]
    ours = {k: tuple(v.shape) for k, v in task.state_dict().items()}
    theirs = {k: tuple(v.shape) for k, v in checkpoint["state_dict"].items()}
    if ours == theirs and not meaning:
        return
    wrong = sorted(set(ours) ^ set(theirs) | {k for k in set(ours) & set(theirs) if ours[k] != theirs[k]})
    what = f" ({len(wrong)} tensors differ, first {wrong[0]})" if wrong else ""
    raise ConfigError(
        f"The network of this recipe is not the one in {path}{what}. Changed settings: "
        f"{', '.join(differ) or 'none in the recipe; the data may have changed'}. "
        f"Train anew with --reset (the old run is set aside), or give another --exp_name."
    )
