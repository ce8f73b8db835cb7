"""Run a task with pytorch-lightning: loops, devices, precision, checkpoints, resuming.

One Lightning epoch is the updates still to do. Batch `i` of training is a function of the seed and `i`, and torch is
re-seeded from them before every batch, so a run that was killed goes on exactly as one that was not.
"""

from __future__ import annotations

import logging
import os
import platform
import signal
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from torch.utils.data import DataLoader, Dataset, Sampler

from tasks.board import Board
from tasks.callbacks import (
    Ema,
    KeepCheckpoints,
    LocalFiles,
    OnlyRestore,
    ShowProgress,
    StopAfter,
    StopSignals,
    Updates,
    keep_newest,
)
from tasks.checkpoints import checkpoint_files, newest_sound, read_checkpoint
from tasks.guard import NotFinite, newest_record
from tasks.history import History
from tasks.task import BatchSource, Task
from utils.config import ROOT
from utils.errors import WORKER_DIED, ConfigError, DataError, UserError
from utils.files import clear_after_killed, write_aside
from utils.memory import keep_freed_memory

log = logging.getLogger(__name__)


class RefusedBatch(NamedTuple):
    """Why a batch could not be made; an error raised in a worker process would come back as a traceback."""

    why: str


class StepBatches(Dataset[Any]):
    """Batch number `i`, made from the seed, `i` and the rank alone."""

    def __init__(self, source: BatchSource, seed: int, rank: int, one_batch: bool = False) -> None:
        self.source, self.seed, self.rank, self.one_batch = source, seed, rank, one_batch

    def __getitem__(self, number: int) -> Any:
        number = 0 if self.one_batch else number
        try:
            return self.source.batch(np.random.default_rng([self.seed, number, self.rank]))
        except UserError as error:
            return RefusedBatch(str(error))


class FixedBatches(Dataset[Any]):
    """The validation batches, every `world`-th of them for this rank."""

    def __init__(self, batches: Sequence[Any], rank: int, world: int) -> None:
        self.batches, self.rank, self.world = batches, rank, world

    def __len__(self) -> int:
        return len(range(self.rank, len(self.batches), self.world)) or min(1, len(self.batches))

    def __getitem__(self, index: int) -> Any:
        return self.batches[(self.rank + index * self.world) % len(self.batches)]


class _Remaining(Sampler[int]):
    """Count batches from `start` to `stop`."""

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return max(0, self.stop - self.start)


def _loader(dataset: Dataset[Any], workers: int, sampler: Sampler[int] | None = None) -> DataLoader[Any]:
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork" if workers and not torch.cuda.is_available() else None,
        worker_init_fn=_leave_signals_to_parent,
    )


def _leave_signals_to_parent(worker: int) -> None:
    """Go on through Ctrl-C and SIGTERM, which reach every process: the parent finishes its update, and ends these."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class _Data(pl.LightningDataModule):
    """Hand a task's sources to Lightning."""

    def __init__(self, task: Task, debug: str | None) -> None:
        super().__init__()
        self.task, self.debug = task, debug

    def train_dataloader(self) -> DataLoader[Any]:
        cfg = self.task.cfg
        batches = StepBatches(
            self.task.train_source(), cfg.seed, self.task.global_rank, one_batch=self.debug == "overfit"
        )
        scale = cfg.accumulate_grad_batches
        self.task.guard.source = batches.source
        sampler = _Remaining(self.task.updates * scale, cfg.max_updates * scale)
        return _loader(batches, cfg.num_workers, sampler)

    def val_dataloader(self) -> DataLoader[Any]:
        world = self.trainer.world_size if self.trainer else 1
        return _loader(FixedBatches(self.task.val_source(), self.task.global_rank, world), 0)


def make_trainer(task: Task, work_dir: Path | None, *, debug: str | None = None) -> pl.Trainer:
    """Build the Lightning trainer for a task; under torchrun it joins the other processes."""
    cfg = task.cfg
    if cfg.accumulate_grad_batches > 1 and not task.automatic_optimization:
        raise ConfigError(f"{cfg.task_cls} steps after every batch: leave accumulate_grad_batches at 1.")
    for pattern in (".*does not have many workers.*", ".*litlogger.*", ".*GPU available.*", ".*LeafSpec.*"):
        warnings.filterwarnings("ignore", pattern)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    gpu = torch.cuda.is_available()
    if cfg.trainer.accelerator == "gpu" and not gpu:
        raise ConfigError("trainer.accelerator = gpu, but torch finds none here; auto takes what there is.")
    callbacks: list[pl.Callback] = [ShowProgress(str(work_dir.name) if work_dir else "check"), Updates()]
    if cfg.ema_decay > 0:
        callbacks.append(Ema(cfg.ema_decay))
    logger: Any = False
    if work_dir is not None and debug != "fast":
        callbacks += [KeepCheckpoints(work_dir), StopSignals()]
        board = TensorBoardLogger(save_dir=str(work_dir), name="", version="tb_logs")
        logger = [board, History(work_dir / "metrics.csv", task)]  # the first is trainer.logger
    interval = cfg.val_check_interval * cfg.accumulate_grad_batches
    return pl.Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=local if world > 1 else 1,
        num_nodes=max(1, world // local),
        strategy="ddp_find_unused_parameters_true" if world > 1 else "auto",
        precision="bf16-mixed" if cfg.precision == "bf16" else "32-true",
        max_epochs=1,
        val_check_interval=interval,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=1 if debug else cfg.tb_log_interval,
        gradient_clip_val=cfg.clip_grad_norm if cfg.clip_grad_norm > 0 and task.automatic_optimization else None,
        accumulate_grad_batches=cfg.accumulate_grad_batches if task.automatic_optimization else 1,
        callbacks=callbacks,
        plugins=[LocalFiles()],
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
    """
    settle()
    task.work_dir = work_dir
    found = newest_sound(work_dir) if resume and debug != "fast" else None
    task.prepare()
    if debug != "fast":
        work_dir.mkdir(parents=True, exist_ok=True)
    if found:
        path, checkpoint = found
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
    trainer.resumed = found[1] if found else None  # type: ignore[attr-defined]
    found, checkpoint = None, {}  # the optimisers take over what they need; the rest is not kept for days
    if trainer.is_global_zero and debug != "fast":
        clear_after_killed(work_dir)
        write_environment(work_dir)
        write_config(work_dir, task)
    if trainer.logger is not None and trainer.is_global_zero:
        task.board = Board(trainer.logger.experiment)  # type: ignore[attr-defined]
    try:
        trainer.fit(task, datamodule=_Data(task, debug))
    except (ConnectionError, EOFError) as error:  # the pipe to a worker process is cut when that is killed
        if not task.cfg.num_workers:
            raise
        raise DataError(WORKER_DIED) from error
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, StopSignals):
            callback.leave()


def take_weights(task: Task, checkpoint: dict[str, Any]) -> None:
    """Give a task the weights that training went on with, which with `ema_decay` are not the averaged ones."""
    task.load_state_dict(checkpoint["vizeme"].get("raw_state") or checkpoint["state_dict"])
    task.on_load_extra(checkpoint["vizeme"].get("extra", {}))


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
        refuse_other_network(task, checkpoint, files[-1])
        task.updates = int(checkpoint["vizeme"]["updates"])
        take_weights(task, checkpoint)
    task.guard.replaying = {}
    trainer = make_trainer(task, None)
    trainer.limit_val_batches = 0
    trainer.callbacks += [OnlyRestore(work_dir), StopAfter(record["update"])]  # type: ignore[attr-defined]
    trainer.resumed = checkpoint  # type: ignore[attr-defined]
    try:
        trainer.fit(task, datamodule=_Data(task, None))
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
    trainer.validate(task, datamodule=_Data(task, None), verbose=False)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def refuse_other_network(task: Task, checkpoint: dict[str, Any], path: Path) -> None:
    """Raise ConfigError when the checkpoint was trained with another network than the recipe's."""
    old = checkpoint["vizeme"]["recipe"]
    new = task.cfg.model_dump(mode="json")
    differ = [f"{k} {old[k]!r} -> {new[k]!r}" for k in new if k in old and old[k] != new[k]]
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


def write_config(work_dir: Path, task: Task) -> None:
    """Write the resolved recipe, which is also a recipe: `--config=checkpoints/<exp>/config.yaml` works."""
    import yaml

    text = yaml.safe_dump(task.cfg.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with write_aside(work_dir / "config.yaml") as aside:
        head = "# Every setting of this run as it was resolved. Edit the recipe in egs/, not this copy.\n"
        aside.write_text(head + text)


def write_environment(work_dir: Path) -> None:
    """Write what the run was made with: versions, machine, commit."""
    from importlib.metadata import distributions

    commit = "unknown"
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10)
        commit = result.stdout.strip() or commit
    except (OSError, subprocess.SubprocessError):
        pass
    packages = sorted(f"{d.metadata['Name']}=={d.version}" for d in distributions())
    lines = [f"python {platform.python_version()}", f"platform {platform.platform()}", f"commit {commit}", *packages]
    with write_aside(work_dir / "environment.txt") as aside:
        aside.write_text("\n".join(lines) + "\n")
