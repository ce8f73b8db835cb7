"""How long the template decoder learns, and how its step size falls: published settings by their names."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import Tensor

from data_gen.templates.shards import TemplateShards
from tasks.core.resuming import set_rates
from tasks.core.stopping import EarlyStopper
from tasks.template_to_face.config import TemplateDecoderConfig
from utils.errors import DataError

log = logging.getLogger(__name__)
PATIENCE, FALL = 2, 0.2
"""Validations without a smaller loss that `StepPlateau` bears, and what it leaves of the step size then."""


def in_updates(config: TemplateDecoderConfig) -> TemplateDecoderConfig:
    """Turn `num_epochs` into `max_updates` when the data is here; when it is not, `prepare` says so."""
    if not config.num_epochs:
        return config
    try:
        pairs = TemplateShards(config.binary_data_dir).count("train")
    except DataError:
        return config
    batches = math.ceil(pairs / config.batch_size)
    batches = min(batches, config.max_batches_per_train_epoch or batches)
    updates = math.ceil(batches * config.num_epochs / config.accumulate_grad_batches)
    return config.model_copy(update={"max_updates": max(1, updates)})


class StepSize:
    """Say which share of the first step size is left."""

    def __init__(self, config: TemplateDecoderConfig) -> None:
        self.config = config
        self.least = 0.01 if config.min_lr is None else config.min_lr / config.lr
        self.plateau = EarlyStopper(PATIENCE)
        self.left = 1.0
        self.totals: list[tuple[Tensor, int]] = []
        """Loss () and size of each batch of the validation that runs."""

    def share(self, update: int) -> float:
        """Return it after `update` optimiser steps: along half a cosine, or where `StepPlateau` is."""
        if self.config.lr_scheduler == "StepPlateau":
            return self.left
        done = min(1.0, update / self.config.max_updates)
        return self.least + (1 - self.least) * 0.5 * (1 + math.cos(math.pi * done))

    def see(self, loss: float) -> bool:
        """Note a validation's loss; return whether the step size falls."""
        if self.config.lr_scheduler != "StepPlateau" or not self.plateau.see(loss):
            return False
        self.plateau.since = 0
        self.left = max(self.least, FALL * self.left)
        return True

    def validated(self, trainer: Any) -> None:
        """Let a validation that is over while training decide on the step size from here on."""
        totals, self.totals = self.totals, []
        if trainer.state.fn != "fit" or not totals:
            return
        mean = torch.stack([loss * count for loss, count in totals]).sum() / sum(count for _, count in totals)
        if self.see(float(trainer.strategy.reduce(mean, reduce_op="mean"))):
            for config in trainer.lr_scheduler_configs:  # at once: a run that is resumed here does so
                set_rates(config.scheduler, config.scheduler.base_lrs)
            log.info("Nothing gets better: the step size is %g from now on.", self.config.lr * self.left)

    def state(self) -> dict[str, Any]:
        """Return plain data for the checkpoint."""
        return {"left": self.left, **self.plateau.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.left = float(state["left"])
        self.plateau.load(state)
