"""Save checkpoints: after each validation and at the end, written aside, the oldest dropped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from tasks.core.board import or_without
from tasks.core.checkpoints import INDEX, best_step, checkpoint_files, read_index
from tasks.core.config import TaskConfig
from tasks.core.resuming import set_rates
from tasks.core.task import Task
from utils.errors import DataError
from utils.files.aside import write_aside
from utils.files.tables import write_json
from utils.paths import show_path


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
                set_rates(config.scheduler, list(getattr(config.scheduler, "base_lrs", [])))
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
                    set_rates(config.scheduler, base)
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
            index = {**read_index(self.work_dir), task.updates: figures}
            there = {*checkpoint_files(self.work_dir), task.updates}
            write_json(self.work_dir / INDEX, {step: index[step] for step in sorted(index) if step in there})
            if task.board.writer is not None:
                with or_without():
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
