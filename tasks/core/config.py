"""Settings that every task has, and where batches come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BeforeValidator

from utils.config.schema import Config, Count, Fraction, Positive, Weight, Whole


class TrainerConfig(Config):
    """What a task runs on."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """auto: the GPU when there is one. cpu: leave it alone. gpu: refuse to go on without one."""


class TaskConfig(Config):
    """Settings that every task has."""

    task_cls: str
    """Registered name of the task; see --list."""
    seed: Whole = 9999
    """Everything random follows from this and the number of the update."""
    max_updates: Count = 40_000
    """Train for this many optimiser steps."""
    lr: Positive = 5e-4
    """Step size of the optimiser."""
    clip_grad_norm: Weight = 0.0
    """Scale gradients down to this norm; 0 leaves them alone."""
    accumulate_grad_batches: Count = 1
    """Batches per optimiser step."""
    precision: Annotated[Literal["32", "bf16"], BeforeValidator(lambda v: str(v) if v == 32 else v)] = "32"
    """Arithmetic of training: 32-bit, or bfloat16 autocast."""
    val_check_interval: Count = 1000
    """Validate and save a checkpoint every so many updates."""
    tb_log_interval: Count = 50
    """Write losses to TensorBoard and metrics.csv every so many updates."""
    num_ckpt_keep: Count = 5
    """Keep so many of the newest checkpoints, and the best one."""
    num_valid_plots: Whole = 2
    """Draw so many examples at each validation."""
    num_workers: Whole = 0
    """Processes that prepare batches; the result is the same for any number."""
    ema_decay: Fraction = 0.0
    """Average weights over updates with this decay (0 = off); validation and inference use the average."""
    ema_warmup: bool = True
    """Forget the weights of the start soon, by averaging over less at first; without it ema_decay to the power of the
    updates is what is left of them."""
    valid_monitor_key: str = "val/total_loss"
    """The validation figure that chooses the best checkpoint."""
    valid_monitor_mode: Literal["min", "max"] = "min"
    """Whether a small or a large figure is good."""
    infer_ckpt_steps: int | Literal["last", "best"] = "best"
    """Which checkpoint --infer uses: last, best, or a number of updates."""
    trainer: TrainerConfig = TrainerConfig()
    """What it runs on."""

    def refuse_missing_data(self) -> None:
        """Refuse to train when data is missing, as far as a look at the folders tells; a family says which they are."""


class BatchSource(Protocol):
    """Make one training batch from a random generator, and from nothing else.

    A source may also have `names() -> list[str]`, which says what its last batch was made of: clips, frames, files.
    """

    def batch(self, rng: np.random.Generator) -> Any:
        """Return a NamedTuple of CPU tensors."""
        ...
