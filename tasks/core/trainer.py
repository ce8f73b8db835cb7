"""Run a task with pytorch-lightning: loops, devices, precision, checkpoints, resuming.

One Lightning epoch is the updates still to do. Batch `i` of training is a function of the seed and `i`, and torch is
re-seeded from them before every batch, so a run that was killed goes on exactly as one that was not.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.layer_sync import LayerSync

from modules.layers.shared_norm import part_norms, share_norms
from tasks.core.batches import TaskData
from tasks.core.board import Board, Curves
from tasks.core.callbacks import Ema, ShowProgress, Updates
from tasks.core.checkpoints import checkpoint_files, newest_sound, read_checkpoint
from tasks.core.guard import NotFinite, newest_record
from tasks.core.history import History
from tasks.core.resuming import refuse_other_network, take_weights
from tasks.core.run_folder import write_config, write_environment
from tasks.core.saving import KeepCheckpoints, LocalFiles, keep_newest
from tasks.core.stopping import StopSignals, end_training, outlive_torchrun
from tasks.core.task import Task
from utils.errors import WORKER_DIED, ConfigError, DataError
from utils.files.aside import clear_after_killed
from utils.processes.memory import keep_freed_memory
from utils.processes.world import is_lost, world

log = logging.getLogger(__name__)
RANK_DIED = (
    "Another process of this training is gone; what it said last tells why. What is saved is sound: give the same "
    "command again, and it goes on from the newest checkpoint."
)


class ShareNorms(LayerSync):
    """Let batch norms share their statistics among the processes that train together."""

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """Begin."""
        return share_norms(model)

    def revert(self, model: torch.nn.Module) -> torch.nn.Module:
        """End."""
        return part_norms(model)


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
            end_training(trainer)


def make_trainer(task: Task, work_dir: Path | None, *, debug: str | None = None) -> pl.Trainer:
    """Build the Lightning trainer for a task; under torchrun it joins the other processes.

    Raises:
        ConfigError: The machine or the task cannot do what is asked for.
    """
    cfg = task.cfg
    if cfg.accumulate_grad_batches > 1 and not task.automatic_optimization:
        raise ConfigError(f"{cfg.task_cls} steps after every batch: leave accumulate_grad_batches at 1.")
    for pattern in (".*does not have many workers.*", ".*litlogger.*", ".*GPU available.*", ".*LeafSpec.*"):
        warnings.filterwarnings("ignore", pattern)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    processes, local, _ = world()
    gpu = torch.cuda.is_available()
    if cfg.trainer.accelerator == "gpu" and not gpu:
        raise ConfigError("trainer.accelerator = gpu, but torch finds none here; auto takes what there is.")
    callbacks: list[pl.Callback] = [ShowProgress(str(work_dir.name) if work_dir else "check"), Updates()]
    if cfg.ema_decay > 0:
        callbacks.append(Ema(cfg.ema_decay))
    logger: Any = False
    if work_dir is not None and debug != "fast":
        callbacks += [KeepCheckpoints(work_dir), StopSignals()]
        board = Curves(save_dir=str(work_dir), name="", version="tb_logs", default_hp_metric=False)
        logger = [board, History(work_dir / "metrics.csv", task)]  # the first is trainer.logger
    interval = cfg.val_check_interval * cfg.accumulate_grad_batches
    return pl.Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=local if processes > 1 else 1,
        num_nodes=max(1, processes // local),
        strategy="ddp_find_unused_parameters_true" if processes > 1 else "auto",
        precision="bf16-mixed" if cfg.precision == "bf16" else "32-true",
        max_epochs=1,
        val_check_interval=interval,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=1 if debug else cfg.tb_log_interval,
        gradient_clip_val=cfg.clip_grad_norm if cfg.clip_grad_norm > 0 and task.automatic_optimization else None,
        accumulate_grad_batches=cfg.accumulate_grad_batches if task.automatic_optimization else 1,
        callbacks=callbacks,
        plugins=[LocalFiles(), *([ShareNorms()] if processes > 1 else [])],
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=str(work_dir) if work_dir else None,
    )


def settle(*, keep_memory: bool = True) -> None:
    """Set up the process for training: quick matrix products, and freed memory kept where the processor trains."""
    torch.set_float32_matmul_precision("high")
    if keep_memory and not torch.cuda.is_available():
        keep_freed_memory()


def train(task: Task, work_dir: Path, *, debug: str | None = None, resume: bool = True) -> None:
    """Train a task to `max_updates`, going on from the newest checkpoint in `work_dir` that can be read.

    Args:
        resume: False begins anew. Under torchrun the old run may be still there for all but the first process.

    Raises:
        ConfigError: The checkpoint's network is not the recipe's.
        DataError: A process that reads the data died.
    """
    settle()
    task.work_dir = work_dir
    newest = newest_sound(work_dir) if resume and debug != "fast" else None
    task.prepare()
    if not newest:
        task.begin()
    if debug != "fast":
        work_dir.mkdir(parents=True, exist_ok=True)
    if newest:
        path, checkpoint = newest
        task.adapt(checkpoint)
        refuse_other_network(task, checkpoint, path)
        task.updates = int(checkpoint["vizeme"]["updates"])
        if task.updates >= task.cfg.max_updates:
            words = "%s has %d updates already; max_updates is %d. Raise it, or train anew with --reset."
            log.info(words, path, task.updates, task.cfg.max_updates)
            keep_newest(work_dir, task.cfg)
            return
        log.info("Going on from %s (%d updates).", path, task.updates)
        if checkpoint["vizeme"].get("data_fingerprint", "") not in ("", task.data_fingerprint):
            log.warning("The data is not what this run was begun with; --reset begins anew with it.")
        take_weights(task, checkpoint)
    trainer = make_trainer(task, work_dir, debug=debug)
    trainer.resumed = newest[1] if newest else None  # type: ignore[attr-defined]
    newest, checkpoint = None, {}  # the optimisers take over what they need; the rest is not kept for days
    if trainer.is_global_zero:
        log.info("%s: %s", task.cfg.task_cls, task.in_numbers())
    if trainer.is_global_zero and debug != "fast":
        clear_after_killed(work_dir)
        write_environment(work_dir)
        write_config(work_dir, task.cfg)
    if trainer.logger is not None and trainer.is_global_zero:
        task.board = Board(trainer.logger.experiment)  # type: ignore[attr-defined]
    try:
        trainer.fit(task, datamodule=TaskData(task, debug))
    except (ConnectionError, EOFError) as error:  # the pipe to a worker process is cut when that is killed
        if not task.cfg.num_workers:
            raise
        raise DataError(WORKER_DIED) from error
    except RuntimeError as error:
        if not is_lost(error):
            raise
        outlive_torchrun()
        raise DataError(RANK_DIED) from error
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, StopSignals):
            callback.leave()


def replay(task: Task, work_dir: Path) -> str:
    """Train again from the last checkpoint before a loss was not finite, up to there; write nothing.

    Returns:
        What was seen: the losses of the last updates, and whether it happened again.

    Raises:
        UserError: The run has met no such loss, or the checkpoint is another network's.
    """
    settle()
    record = newest_record(work_dir)
    task.prepare()
    if record["data_fingerprint"] not in ("", task.data_fingerprint):
        log.warning("The data is not what it was then.")
    files = [file for step, file in checkpoint_files(work_dir).items() if step <= record["update"]]
    checkpoint = read_checkpoint(files[-1]) if files else None
    if checkpoint is not None:
        task.adapt(checkpoint)
        refuse_other_network(task, checkpoint, files[-1])
        task.updates = int(checkpoint["vizeme"]["updates"])
        take_weights(task, checkpoint)
    task.guard.replaying = {}
    trainer = make_trainer(task, None)
    trainer.limit_val_batches = 0
    trainer.callbacks += [OnlyRestore(work_dir), StopAfter(record["update"])]  # type: ignore[attr-defined]
    trainer.resumed = checkpoint  # type: ignore[attr-defined]
    try:
        trainer.fit(task, datamodule=TaskData(task, None))
        end = f"It did not happen again: update {record['update']} is finite now."
    except NotFinite as error:
        end = f"It happened again. {error}"
    last = list(task.guard.replaying.items())[-10:]
    lines = [f"update {n}: " + "  ".join(f"{name} {value:.4g}" for name, value in losses.items()) for n, losses in last]
    lines += [f"made of: {name}" for name in record.get("made_of", [])]
    lines += [f"not finite in the batch: {name}" for name in record.get("not_finite_in_the_batch", [])]
    return "\n".join([*lines, end])


def validate(task: Task, work_dir: Path | None = None) -> dict[str, float]:
    """Run the validation once and return its figures."""
    task.prepare()
    trainer = make_trainer(task, None)
    task.work_dir = work_dir
    trainer.validate(task, datamodule=TaskData(task, None), verbose=False)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
