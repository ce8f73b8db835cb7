"""What every task shares: a schema, losses weighed and logged, frozen helpers, pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from tasks.core.board import Board
from tasks.core.config import BatchSource, TaskConfig
from tasks.core.guard import Guard
from utils.config.schema import parse, with_present_names
from utils.errors import ConfigError


class Task(pl.LightningModule):
    """Train, validate and use one network; subclasses say what it is and what it costs.

    A subclass sets `schema`, builds its network in `__init__`, and gives `losses`, `train_source` and `val_source`.
    The names of the losses are those of the schema's `weights`.
    """

    schema: ClassVar[type[TaskConfig]] = TaskConfig
    network_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that change what the network means although its shapes stay; changing one needs --reset."""
    in_words: ClassVar[tuple[str, str]] = ("", "")
    """The figure under `val/` by which people follow a training, and how it is said: `face {:.1f} dB`."""

    def __init__(self, config: TaskConfig | dict[str, Any]) -> None:
        super().__init__()
        if isinstance(config, dict):
            config = parse(self.schema, with_present_names(self.schema, config), Path("checkpoint"))
        self.cfg = self.resolved(config)
        self.work_dir: Path | None = None
        self.updates = 0
        self.frozen: dict[str, Task] = _Frozen()
        self._outside: list[str] = []
        self.frozen_sources: dict[str, dict[str, Any]] = {}
        self.data_fingerprint = ""
        self.source: dict[str, Any] = {}
        self.board = Board(None)
        self.guard = Guard()

    # -- what a subclass gives -------------------------------------------------------------------------------------
    @classmethod
    def resolved(cls, config: Any) -> Any:
        """Fill in what the settings leave to the data or say twice; from then on they are frozen."""
        return config

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Return each loss (), unweighted, by the names of `cfg.weights`."""
        raise NotImplementedError

    def metrics(self, batch: Any) -> dict[str, Tensor]:
        """Return further validation figures () of one batch, averaged over batches and logged under `val/`."""
        return {}

    def train_source(self) -> BatchSource:
        """Open the training data."""
        raise NotImplementedError

    def val_source(self) -> Sequence[Any]:
        """Open the validation batches, always the same ones."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Check data and load frozen networks before training, so that what is missing is said at once."""

    def begin(self) -> None:
        """Give the network its first weights, before the first update of a run that goes on from nothing."""

    def adapt(self, checkpoint: dict[str, Any]) -> None:
        """Change what a checkpoint holds so that it fits the data at hand, where that may be; say what was changed."""

    def unique_samples(self) -> int:
        """Return how many different samples there are to learn from; 0 where they are drawn without end."""
        return 0

    def in_numbers(self) -> str:
        """Say how large the network is and what stands beside it, and of how many samples it learns."""
        beside = {**self.frozen, **{name.strip("_"): self.__dict__[name] for name in self._outside}}
        parts = [f"{_size(self)}, of which {sum(p.numel() for p in self.parameters() if p.requires_grad):,} learn"]
        parts += [f"{name}, which stays as it is: {_size(network)}" for name, network in beside.items() if network]
        parts += [f"{self.unique_samples():,} unique samples"] if self.unique_samples() else []
        return "; ".join(parts)

    def draw(self, board: Board) -> None:
        """Draw pictures after a validation."""

    def infer(self) -> None:
        """Do what --infer asks for, from the `infer_*` settings."""
        raise ConfigError(f"The task {self.cfg.task_cls} has nothing to infer.")

    def evaluate(self, folder: Path) -> None:
        """Measure the trained task as --evaluate asks for, print the figures and write them to `folder`.

        Raises:
            ConfigError: This task is measured by --validate alone.
        """
        raise ConfigError(
            f"The task {self.cfg.task_cls} has no evaluation beyond its validation figures: give --validate."
        )

    def extra_state(self) -> dict[str, Any]:
        """Return plain data to keep in the checkpoint besides the weights, for example a switch that was thrown."""
        return {}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take back what `extra_state` gave."""

    def schedule(self, update: int) -> float:
        """Return the factor on the learning rate after `update` optimiser steps."""
        return 1.0

    def averages(self, name: str) -> bool:
        """Tell whether `ema_decay` averages the parameter of this name."""
        return True

    # -- optimisation ----------------------------------------------------------------------------------------------
    def configure_optimizers(self) -> Any:
        """Return Adam over the trainable parameters, with `schedule`."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(parameters, lr=self.cfg.lr, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Scale gradients down to `clip_grad_norm`; Lightning's own way refuses fused optimisers under autocast."""
        self.guard.gradient(self, clip_gradient(optimizer, gradient_clip_val or math.inf))

    def step(self, optimizer: Any, loss: Tensor, name: str) -> None:
        """Take one step of manual optimisation on `loss` (), gradients clipped to `clip_grad_norm`.

        Args:
            name: Of the network that learns; its gradient's norm before clipping is logged as `tr/grad_norm_<name>`.
        """
        optimizer.zero_grad()
        self.manual_backward(loss)
        self.guard.gradient(self, clip_gradient(optimizer, self.cfg.clip_grad_norm or math.inf), name)
        optimizer.step()

    def weigh(self, losses: dict[str, Tensor], prefix: str, batch_size: int = 1) -> Tensor:
        """Weigh and sum losses () by `cfg.weights`, and log each under `prefix`."""
        weights = getattr(self.cfg, "weights", None)
        total: Tensor | float = 0.0
        for name, loss in losses.items():
            weight = getattr(weights, name)
            if weight > 0:
                total = total + weight * loss
        if not isinstance(total, Tensor):
            total = torch.tensor(total, device=self.device)
        parts = {name: loss.detach() for name, loss in losses.items()}
        shown = {f"{prefix}/{name}": part for name, part in {**parts, "total_loss": total.detach()}.items()}
        self.note(shown, batch_size)
        if prefix == "tr":
            self.guard.losses(self, total.detach(), parts)
        return total

    def note(self, figures: dict[str, Tensor], batch_size: int = 1) -> None:
        """Log figures (): per update while training, averaged over batches while validating.

        Of several processes the mean is told; while training, only where figures are written, since it takes time.
        """
        validating = self.trainer.validating or self.trainer.sanity_checking or not self.training
        written = (self.updates + 1) % self.cfg.tb_log_interval == 0
        figures = {name: value.detach().to(self.device) for name, value in figures.items()}  # where NCCL finds them
        if figures and written and not validating and self.trainer.world_size > 1:
            values = torch.stack([value.float() for value in figures.values()])
            figures = dict(zip(figures, self.trainer.strategy.reduce(values, reduce_op="mean"), strict=True))
        self.log_dict(figures, on_step=not validating, on_epoch=validating, batch_size=batch_size, sync_dist=validating)

    def of_all(self, rows: Tensor) -> Tensor:
        """Return rows (B, ...) of one training batch of every process, one after the other; gradients flow back."""
        if self._trainer is None or self.trainer.world_size == 1 or not self.training:
            return rows
        return torch.as_tensor(self.all_gather(rows, sync_grads=True)).flatten(0, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        """Return the weighed losses () of one batch."""
        return self.weigh(self.losses(batch), "tr")

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the losses and metrics of one validation batch."""
        self.weigh(self.losses(batch), "val")
        if figures := self.metrics(batch):
            self.note({f"val/{name}": value for name, value in figures.items()})

    # -- frozen networks -------------------------------------------------------------------------------------------
    def freeze(self, name: str, task: Task) -> Task:  # type: ignore[override]
        """Keep another trained task beside this one: in eval mode for good and outside this task's checkpoint."""
        task.eval()
        for parameter in task.parameters():
            parameter.requires_grad_(False)
        task.to(self.device)
        self.frozen[name] = task
        self.frozen_sources[name] = dict(getattr(task, "source", {}))
        return task

    def keep_outside(self, name: str, network: torch.nn.Module | None) -> None:
        """Make a network that never learns the attribute `name`, outside this task's checkpoint; None for none."""
        self.__dict__[name] = network  # torch registers what is set in the usual way
        if name not in self._outside:
            self._outside.append(name)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move the networks that are kept outside along when this task moves to another device."""
        outside = [self.__dict__[name] for name in getattr(self, "_outside", ())]
        for network in (*getattr(self, "frozen", {}).values(), *outside):
            if network is not None:
                network._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def seed_step(self, kind: str, number: int) -> None:
        """Seed torch from (seed, kind, number, rank), so that noise and dropout are functions of the update."""
        rank = self.global_rank if self._trainer is not None else 0
        mixed = np.random.SeedSequence([self.cfg.seed, {"train": 0, "val": 1, "draw": 2}[kind], number, rank])
        torch.manual_seed(int(mixed.generate_state(1, np.uint64)[0] >> 1))


def clip_gradient(optimizer: Any, norm: float) -> Tensor:
    """Scale the gradients of an optimiser's parameters down to `norm`, and return what it was, ()."""
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    total = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    if norm < math.inf:
        torch.nn.utils.clip_grads_with_norm_(parameters, norm, total)
    return total


def _size(network: torch.nn.Module) -> str:
    parameters = list(network.parameters())
    size = sum(p.numel() * p.element_size() for p in parameters) / 2**20
    return f"{sum(p.numel() for p in parameters):,} parameters ({size:.1f} MiB)"


class _Frozen(dict[str, "Task"]):
    """A plain dict: torch does not look inside, so what it holds stays outside the state dict."""
