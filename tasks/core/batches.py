"""Batches as functions of seed and number: what the loop draws from."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tasks.core.config import BatchSource
from tasks.core.task import Task
from utils.errors import UserError


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


class TaskData(pl.LightningDataModule):
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
