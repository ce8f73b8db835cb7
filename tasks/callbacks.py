"""What happens around the training loop: checkpoints, averaging, progress, stopping."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import types
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from tasks.checkpoints import INDEX, best_step, checkpoint_files, read_index
from tasks.task import Task, TaskConfig
from utils.config import show_path
from utils.errors import DataError
from utils.files import write_aside, write_json
from utils.progress import Progress

log = logging.getLogger(__name__)


class KeepCheckpoints(pl.Callback):
    """Restore what was saved, and save after every validation and at the end."""

    def __init__(self, work_dir: Path) -> None:
        self.work_dir = work_dir
        self.saved = -1

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Give optimisers and schedulers their saved state, and the loop its place."""
        checkpoint = getattr(trainer, "resumed", None)
        if checkpoint is not None and "optimizer_states" not in checkpoint:  # imported: only weights
            for config in trainer.lr_scheduler_configs:
                config.scheduler.last_epoch = task.updates
                _set_rates(config.scheduler, list(getattr(config.scheduler, "base_lrs", [])))
        elif checkpoint is not None:
            states = checkpoint["optimizer_states"]
            for optimizer, state in zip(trainer.optimizers, states, strict=True):
                rates = [(g["lr"], g.get("initial_lr")) for g in optimizer.param_groups]
                optimizer.load_state_dict(state)
                for group, (rate, initial) in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate  # the recipe's rate wins over the saved one
                    if initial is not None:
                        group["initial_lr"] = initial
            for config, state in zip(trainer.lr_scheduler_configs, checkpoint["lr_schedulers"], strict=True):
                base = list(getattr(config.scheduler, "base_lrs", []))
                config.scheduler.load_state_dict(state)
                if base:
                    config.scheduler.base_lrs = base
                    _set_rates(config.scheduler, base)
        if checkpoint is not None:
            trainer.resumed = None  # type: ignore[attr-defined]
        loop = trainer.fit_loop.epoch_loop
        loop._batches_that_stepped = task.updates
        loop.batch_progress.total.ready = task.updates * task.cfg.accumulate_grad_batches
        self.saved = task.updates

    def on_validation_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Save after a validation within training."""
        if not trainer.sanity_checking and trainer.training is False and trainer.state.fn == "fit":
            self.save(trainer, task, {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")})

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Save at the end when the last update was not one that validates."""
        if self.saved != task.updates:
            self.save(trainer, task, {})

    def save(self, trainer: pl.Trainer, task: Task, figures: dict[str, float]) -> None:
        """Write one checkpoint, point `last.ckpt` at it, and drop the oldest.

        Its figures are written first: a run that is killed between the two goes on from the checkpoint before, and
        one that is killed after them has both.

        Raises:
            UserError: A weight is not finite: what was saved before is not overlaid with it; or the disk refuses.
        """
        task.guard.check(task)
        if not all(torch.isfinite(p).all() for p in task.parameters()):
            raise task.guard.refusal(task, task.updates, "Weights are not finite")
        if trainer.is_global_zero:
            known = {**read_index(self.work_dir), task.updates: figures}
            there = {*checkpoint_files(self.work_dir), task.updates}
            write_json(self.work_dir / INDEX, {step: known[step] for step in sorted(known) if step in there})
            if task.board.writer is not None:
                task.board.writer.flush()  # a killed run must not lose the curves up to its last checkpoint
        path = self.work_dir / f"model_ckpt_steps_{task.updates}.ckpt"
        try:
            trainer.save_checkpoint(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"{show_path(path)} could not be saved ({reason}). The checkpoints before it are as they were: make "
                "room or mend the folder, and give the same command again."
            ) from None
        if trainer.is_global_zero:
            keep_newest(self.work_dir, task.cfg)
        self.saved = task.updates

    def on_save_checkpoint(self, trainer: pl.Trainer, task: Task, checkpoint: dict[str, Any]) -> None:  # type: ignore[override]
        """Add what this project needs to know of a checkpoint, as plain data."""
        checkpoint.setdefault("vizeme", {}).update(
            updates=task.updates,
            recipe=task.cfg.model_dump(mode="json"),
            data_fingerprint=task.data_fingerprint,
            frozen=task.frozen_sources,
            extra=task.extra_state(),
        )


class OnlyRestore(KeepCheckpoints):
    """Restore what was saved, and save nothing."""

    def save(self, trainer: pl.Trainer, task: Task, figures: dict[str, float]) -> None:
        """Leave the run as it is."""


class StopAfter(pl.Callback):
    """End training when an update is done."""

    def __init__(self, update: int) -> None:
        self.update = update

    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, *_: Any) -> None:  # type: ignore[override]
        """Ask the loop to end."""
        if task.updates > self.update:
            _end(trainer)


def _end(trainer: pl.Trainer) -> None:
    """Have the loop end with this update; it must not insist on a least number of them."""
    trainer.should_stop = True
    trainer.fit_loop.epoch_loop.min_steps = None  # type: ignore[attr-defined]


def _set_rates(scheduler: Any, base: list[float]) -> None:
    """Give the optimiser's groups the rates that the schedule has at its place, from the rates it begins with."""
    if isinstance(scheduler, torch.optim.lr_scheduler.LambdaLR):
        factors = [factor(scheduler.last_epoch) for factor in scheduler.lr_lambdas]
        for group, rate, factor in zip(scheduler.optimizer.param_groups, base, factors, strict=True):
            group["lr"] = rate * factor


def keep_newest(work_dir: Path, cfg: TaskConfig) -> None:
    """Point `last.ckpt` at the newest checkpoint, and drop the oldest; a killed run may not have come to it."""
    files = checkpoint_files(work_dir)
    if not files:
        return
    newest, last = files[max(files)], work_dir / "last.ckpt"
    if not last.exists() or not last.samefile(newest):
        _link(newest, last)
    best = best_step(work_dir, cfg.valid_monitor_key, cfg.valid_monitor_mode)
    for step in list(files)[: -cfg.num_ckpt_keep]:
        if step != best:
            files[step].unlink()


class LocalFiles(TorchCheckpointIO):
    """Write checkpoints aside, straight to the disk they are for, and rename them.

    Lightning's own way goes through a copy in memory and a second one in the temporary folder, which a killed run
    leaves there, and which need not be on the same disk.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # type: ignore[override]
        """Write one checkpoint, and wait until it is on the disk."""
        with write_aside(path) as aside:
            torch.save(checkpoint, aside)
            with aside.open("rb") as stream:
                os.fsync(stream.fileno())


def _link(path: Path, link: Path) -> None:
    with write_aside(link) as aside:
        try:
            os.link(path, aside)
        except OSError:
            shutil.copyfile(path, aside)


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
        """Move the average towards the weights; early on faster, so that the start is soon forgotten."""
        decay = min(self.decay, (1 + task.updates) / (10 + task.updates))
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


class StopSignals(pl.Callback):
    """On SIGINT and SIGTERM: finish the update, save, and leave with 130 or 143."""

    def __init__(self) -> None:
        self.signal = 0
        self.old: dict[int, Any] = {}

    def setup(self, trainer: pl.Trainer, task: Task, stage: str) -> None:  # type: ignore[override]
        """Take Ctrl-C over before Lightning does, which would exit with 1."""
        self._take(signal.SIGINT)

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Take SIGTERM over from Lightning; a second signal stops at once."""
        self._take(signal.SIGTERM)

    def _take(self, number: int) -> None:
        try:
            self.old[number] = signal.signal(number, self._note)
        except ValueError:  # not the main thread
            return

    def _note(self, number: int, frame: types.FrameType | None) -> None:
        if self.signal:
            raise SystemExit(128 + number)
        self.signal = number
        log.warning("Stopping after this update; a checkpoint is saved. Again to stop at once.")

    def on_train_batch_end(self, trainer: pl.Trainer, task: Task, *_: Any) -> None:  # type: ignore[override]
        """Ask the loop to end; `on_train_end` saves. Several processes end together, or they wait for each other."""
        if trainer.world_size > 1 and trainer.strategy.reduce_boolean_decision(self.signal > 0, all=False):
            self.signal = self.signal or signal.SIGTERM
        if self.signal:
            _end(trainer)
            if task.updates % task.cfg.val_check_interval:
                trainer.limit_val_batches = 0  # else Lightning validates before it stops, which may take minutes

    def teardown(self, trainer: pl.Trainer, task: Task, stage: str) -> None:  # type: ignore[override]
        """Give the signals back."""
        while self.old:
            number, handler = self.old.popitem()
            signal.signal(number, handler)

    def leave(self) -> None:
        """Exit as a shell expects after a signal."""
        if self.signal:
            raise SystemExit(128 + self.signal)


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
            self.bar.at(task.updates + 1, losses)

    def on_validation_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Say the validation's figures."""
        if trainer.is_global_zero and trainer.state.fn == "fit" and not trainer.sanity_checking:
            figures = {k[4:]: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
            words = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            log.info("%s %d validated: %s", self.name, task.updates, words)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
            self.bar = None

    def on_train_end(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Close the bar."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, task: Task, exception: BaseException) -> None:  # type: ignore[override]
        """Close the bar before an error is printed."""
        self._close()
