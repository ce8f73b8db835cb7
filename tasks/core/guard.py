"""Notice when training goes wrong: a loss or a gradient that is not finite, a gradient far larger than usual.

What is not finite ends the training before it reaches the weights (on a GPU: before it reaches a checkpoint, since
asking after every update would make the device wait). A file beside the checkpoints says what the batch was made of:

    checkpoints/May/postnet/not_finite_1234.json
    python tasks/run.py --config=... --exp_name=May/postnet --replay

trains again from the last checkpoint before that update, writes nothing, and shows every loss of the updates before it.
"""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from tasks.core.checkpoints import checkpoint_files
from utils.errors import UserError
from utils.files.tables import read_json, write_json
from utils.paths import show_path

log = logging.getLogger(__name__)
HISTORY, LEAST = 200, 50
"""Gradient norms whose median is the usual one; fewer than the second do not tell."""
SPIKE = 10.0
"""A gradient so many times the usual one is a spike."""
QUIET = 1000
"""Updates for which further spikes are only counted, not told."""


class Watched(Protocol):
    """What is watched: a task in training."""

    cfg: Any
    updates: int
    work_dir: Path | None
    data_fingerprint: str

    @property
    def trainer(self) -> Any:
        """What runs the loop."""

    @property
    def global_rank(self) -> int:
        """Which of several processes this is."""


class NotFinite(UserError):
    """Training met a number that is none."""


class _Norm(NamedTuple):
    update: int
    value: Tensor


class Guard:
    """Watch the losses and gradients of one task's training.

    Attributes:
        batch: Number of the batch that is being trained on, which with the seed decides what is in it.
        source: Where batches come from, to tell what one was made of.
        replaying: Losses by update while replaying; None in training.
    """

    def __init__(self) -> None:
        self.batch = 0
        self.source: Any = None
        self.replaying: dict[int, dict[str, float]] | None = None
        self._parts: dict[str, Tensor] = {}
        self._first_bad: Tensor | None = None
        self._waiting: dict[str, list[_Norm]] = {}
        self._usual: dict[str, deque[float]] = {}
        self._quiet_until = 0

    def losses(self, task: Watched, total: Tensor, parts: dict[str, Tensor]) -> None:
        """Look at the losses () of an update, before they reach the weights.

        Raises:
            NotFinite: The sum is not finite. On a GPU it is only noted, and raised by `check`.
        """
        self._parts = parts
        if total.device.type != "cpu" and self.replaying is None:
            self._note(task, total)
            return
        if self.replaying is not None:
            self.replaying[task.updates] = {name: float(part) for name, part in parts.items()}
        if not bool(torch.isfinite(total).all()):
            worst = [f"{name} {float(part):g}" for name, part in parts.items() if not bool(torch.isfinite(part).all())]
            raise self.refusal(task, task.updates, f"The loss is {float(total):g} ({', '.join(worst) or 'their sum'})")

    def gradient(self, task: Watched, norm: Tensor, name: str = "") -> None:
        """Take the norm () of an update's gradient, before it reaches the weights; no waiting for the device.

        Args:
            name: Of the network, where several learn in turn.

        Raises:
            NotFinite: It is not finite, as for `losses`.
        """
        norm = norm.detach()
        if norm.device.type != "cpu" and self.replaying is None:
            self._note(task, norm)
        elif not bool(torch.isfinite(norm)):
            raise self.refusal(task, task.updates, f"A gradient is {float(norm):g}")
        self._waiting.setdefault(name, []).append(_Norm(task.updates, norm))

    def _note(self, task: Watched, value: Tensor) -> None:
        value = value.detach()
        if self._first_bad is None or self._first_bad.device != value.device:
            self._first_bad = torch.full((), -1, dtype=torch.long, device=value.device)
        bad = (self._first_bad < 0) & ~torch.isfinite(value).all()
        self._first_bad = torch.where(bad, task.updates, self._first_bad)

    def check(self, task: Watched) -> None:
        """Read what was noted on the device, and judge the gradients since the last time.

        Raises:
            NotFinite: A number was not finite, at which update first.
        """
        if self._first_bad is not None and (first := int(self._first_bad)) >= 0:
            raise self.refusal(task, first, "The loss or its gradient is not finite")
        figures: dict[str, float] = {}
        for network, waiting in self._waiting.items():
            if not waiting:
                continue
            values = torch.stack([norm.value for norm in waiting]).tolist()
            name = f"tr/grad_norm_{network}" if network else "tr/grad_norm"
            usual = self._usual.setdefault(network, deque(maxlen=HISTORY))
            figures[name] = max(values)
            figures[f"{name}_spikes"] = self._spikes(waiting, values, usual)
            usual.extend(values)
            waiting.clear()
        if figures:
            for logger in task.trainer.loggers:
                logger.log_metrics(figures, step=task.updates)

    def _spikes(self, norms: Sequence[_Norm], values: Sequence[float], usual: Sequence[float]) -> int:
        """Count gradients far above the usual one, and tell of the largest now and then."""
        if len(usual) < LEAST:
            return 0
        middle = statistics.median(usual)
        spikes = [(value, norm.update) for norm, value in zip(norms, values, strict=True) if value > SPIKE * middle]
        if spikes and norms[-1].update >= self._quiet_until:
            value, update = max(spikes)
            self._quiet_until = norms[-1].update + QUIET
            times = f"{value / middle:.0f} times the usual {middle:.3g}" if middle > 0 else "the usual is 0"
            log.warning("Gradient of norm %.3g at update %d: %s (tr/grad_norm in TensorBoard).", value, update, times)
        return len(spikes)

    def refusal(self, task: Watched, update: int, what: str) -> NotFinite:
        """Write what the batch of an update was made of, and return the error that says where."""
        where = ""
        if task.work_dir is not None and task.work_dir.is_dir() and self.replaying is None:
            file = task.work_dir / f"not_finite_{update}.json"
            write_json(file, self.record(task, update, what))
            where = f" What its batch was made of is in {show_path(file)}; look at it again with --replay."
        saved = task.work_dir is not None and checkpoint_files(task.work_dir)
        kept = "The last checkpoint is sound" if saved else "No checkpoint was saved yet"
        return NotFinite(f"{what} at update {update}. {kept}; lower lr, or set clip_grad_norm.{where}")

    def record(self, task: Watched, update: int, what: str) -> dict[str, Any]:
        """Return what is needed to look at an update again."""
        scale = task.cfg.accumulate_grad_batches
        numbers = list(range(update * scale, update * scale + scale)) if update != task.updates else [self.batch]
        record: dict[str, Any] = {
            "task_cls": task.cfg.task_cls, "update": update, "batches": numbers, "seed": task.cfg.seed,
            "rank": task.global_rank, "what": what, "data_fingerprint": task.data_fingerprint,
            "checkpoint": max((n for n in checkpoint_files(task.work_dir or Path()) if n <= update), default=0),
        }  # fmt: skip
        if update == task.updates:
            record["losses"] = {name: str(float(part)) for name, part in self._parts.items()}
        if self.source is not None:
            sources: list[str] = []
            strange: set[str] = set()
            for number in numbers:
                batch = self.source.batch(np.random.default_rng([task.cfg.seed, number, task.global_rank]))
                sources += self.source.names() if hasattr(self.source, "names") else []
                strange |= set(not_finite_in(batch))
            record |= {"made_of": sources, "not_finite_in_the_batch": sorted(strange)}
        return record


def not_finite_in(batch: Any, prefix: str = "") -> list[str]:
    """Name the tensors of a batch (a NamedTuple, which may hold others) that hold a number that is none."""
    if isinstance(batch, Tensor):
        return [] if not batch.is_floating_point() or bool(torch.isfinite(batch).all()) else [prefix]
    fields = batch._asdict() if hasattr(batch, "_asdict") else {}
    return [name for key, part in fields.items() for name in not_finite_in(part, f"{prefix}.{key}" if prefix else key)]


def newest_record(work_dir: Path) -> dict[str, Any]:
    """Read what was written when a run last met a number that is none.

    Raises:
        UserError: There is no such file.
    """
    files = sorted(work_dir.glob("not_finite_*.json"), key=lambda file: file.stat().st_mtime)
    if not files:
        raise UserError(f"{show_path(work_dir)} has met no loss that is not finite: there is nothing to replay.")
    record = read_json(files[-1])
    if not isinstance(record, dict) or not isinstance(record.get("update"), int):
        raise UserError(f"{show_path(files[-1])} is damaged; delete it.")
    return record
