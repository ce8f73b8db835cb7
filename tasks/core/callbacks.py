"""What happens around the training loop: averaging, counting updates, progress."""

from __future__ import annotations

import logging
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from tasks.core.task import Task
from utils.errors import DataError
from utils.progress import Progress

log = logging.getLogger(__name__)


class Ema(pl.Callback):
    """Average the weights over updates; validation and checkpoints see the average.

    The checkpoint's `state_dict` holds the average and `vizeme.raw_state` the weights that training goes on with.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {}
        self.raw: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Begin with the saved average, or with the weights as they are."""
        saved = trainer.resumed["state_dict"] if getattr(trainer, "resumed", None) else None  # type: ignore[attr-defined]
        if not self.average:
            self.average = {
                name: (saved[name].to(p.device) if saved else p.detach()).clone() for name, p in self._trained(task)
            }

    @staticmethod
    def _trained(task: Task) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, p) for name, p in task.named_parameters() if p.requires_grad and task.averages(name)]

    @torch.no_grad()
    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, *_: Any) -> None:  # type: ignore[override]
        """Move the average towards the weights; with `ema_warmup` faster early on, so that the start is forgotten."""
        decay = self.decay
        if task.cfg.ema_warmup:
            decay = min(decay, (1 + task.updates) / (10 + task.updates))
        pairs = self._trained(task)
        torch._foreach_lerp_([self.average[n] for n, _ in pairs], [p.detach() for _, p in pairs], 1 - decay)

    @torch.no_grad()
    def _swap(self, task: Task) -> None:
        for name, parameter in self._trained(task):
            kept = parameter.detach().clone()
            parameter.copy_(self.average[name])
            self.average[name] = kept

    def on_validation_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Validate the average."""
        if self.average:
            self._swap(task)

    def on_validation_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Go on with the weights themselves."""
        if self.average:
            self._swap(task)

    def on_save_checkpoint(self, trainer: pl.Trainer, task: Task, checkpoint: dict[str, Any]) -> None:  # type: ignore[override]
        """Keep both: the average as the checkpoint's weights, the weights themselves for going on."""
        if self.average:
            state = checkpoint["state_dict"]
            checkpoint.setdefault("vizeme", {})["raw_state"] = dict(state)
            checkpoint["state_dict"] = {**state, **{n: a.detach().clone() for n, a in self.average.items()}}


class Updates(pl.Callback):
    """Count updates, seed each by its number, stop at a loss that is not finite, and let the task draw."""

    def on_train_batch_start(self, trainer: pl.Trainer, task: Task, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        """Seed the batch by its number in the whole training.

        Raises:
            DataError: The batch could not be made.
        """
        if (why := getattr(batch, "why", None)) is not None:
            raise DataError(why)
        scale = task.cfg.accumulate_grad_batches
        task.guard.batch = task.updates * scale + batch_idx % scale
        task.seed_step("train", task.guard.batch)

    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, outputs: Any, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        """Count the update; refuse to go on from a loss that is not finite."""
        if (batch_idx + 1) % task.cfg.accumulate_grad_batches == 0:
            task.updates += 1
            if task.updates % task.cfg.tb_log_interval == 0:
                task.guard.check(task)

    def on_validation_batch_start(self, trainer: pl.Trainer, task: Task, batch: Any, batch_idx: int, *_: Any) -> None:  # type: ignore[override]
        """Seed validation by the batch alone, so that two validations differ by the weights only."""
        task.seed_step("val", batch_idx)

    def on_validation_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Let the task draw, with the random state left as it was."""
        if trainer.is_global_zero and task.board.writer is not None:
            task.board.update = task.updates
            task.seed_step("draw", 0)
            was_training = task.training
            task.eval()
            with torch.no_grad():
                task.draw(task.board)
            task.train(was_training)


def said(task: Task, trainer: pl.Trainer) -> str:
    """Return the last validation's figure in words, empty before the first."""
    name, words = task.in_words
    value = trainer.callback_metrics.get(f"val/{name}")
    return "" if value is None else words.format(float(value))


class ShowProgress(pl.Callback):
    """Show updates, losses and the time left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: Progress | None = None

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Open the bar."""
        self.bar = Progress(self.name, task.cfg.max_updates, start=task.updates, show=trainer.is_global_zero)
        self.bar.__enter__()

    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, *_: Any) -> None:  # type: ignore[override]
        """Move on; losses are read only when they are shown, since reading waits for the device."""
        if self.bar is not None and self.bar.due():
            shown = {k[3:]: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("tr/")}
            losses = " ".join(f"{name} {value:.4g}" for name, value in list(shown.items())[-5:])
            self.bar.at(task.updates + 1, "; ".join(part for part in (said(task, trainer), losses) if part))

    def on_validation_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Say the validation's figures."""
        if trainer.is_global_zero and trainer.state.fn == "fit" and not trainer.sanity_checking:
            figures = {k[4:]: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
            words = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            words = "; ".join(part for part in (said(task, trainer), words) if part)
            log.info("%s %d validated: %s", self.name, task.updates, words)

    def _close(self, task: Task, error: BaseException | None = None) -> None:
        if self.bar is not None:
            self.bar.done = task.updates
            self.bar.__exit__(None if error is None else type(error), error, None)
            self.bar = None

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Close the bar."""
        self._close(task)

    def on_exception(self, trainer: pl.Trainer, task: Task, exception: BaseException) -> None:  # type: ignore[override]
        """Close the bar before an error is printed."""
        self._close(task, exception)
