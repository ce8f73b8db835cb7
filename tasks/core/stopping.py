"""When training ends early: at a signal, or when a validation figure has not improved for a while."""

from __future__ import annotations

import logging
import signal
import types
from typing import Any

import pytorch_lightning as pl

from tasks.core.task import Task

log = logging.getLogger(__name__)


def end_training(trainer: pl.Trainer) -> None:
    """Have the loop end with this update; it must not insist on a least number of them."""
    trainer.should_stop = True
    trainer.fit_loop.epoch_loop.min_steps = None  # type: ignore[attr-defined]


def outlive_torchrun() -> None:
    """Let no SIGTERM end this process any more: torchrun sends it when one is lost, before the others have said so."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ValueError:  # not the main thread
        return


class StopSignals(pl.Callback):
    """On SIGINT, SIGTERM, SIGHUP and SIGUSR1: finish the update, save, and leave with 128 and the signal's number.

    The last two are how a night's training is ended most often: by a connection that drops, and by a batch system.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.old: dict[int, Any] = {}

    def setup(self, trainer: pl.Trainer, task: Task, stage: str) -> None:  # type: ignore[override]
        """Take Ctrl-C over before Lightning does, which would exit with 1."""
        self._take(signal.SIGINT)

    def on_train_start(self, trainer: pl.Trainer, task: Task) -> None:  # type: ignore[override]
        """Take the others over from Lightning; a second signal stops at once."""
        for name in ("SIGTERM", "SIGHUP", "SIGUSR1"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` asks
                self._take(number)

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
            end_training(trainer)
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


class EarlyStopper:
    """Count validations without improvement; what it knows goes into the checkpoint.

    Args:
        patience: Stop when more validations than this brought nothing; 0 never stops.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = float("inf")
        self.since = 0
        self.stopped = False

    def see(self, figure: float) -> bool:
        """Note a figure, small is good; return whether it is time to stop."""
        if figure < self.best:
            self.best, self.since = figure, 0
        else:
            self.since += 1
        self.stopped = bool(self.patience) and self.since > self.patience
        return self.stopped

    def restart(self) -> None:
        """Forget, for another phase of the training."""
        self.best, self.since, self.stopped = float("inf"), 0, False

    def state(self) -> dict[str, Any]:
        """Return plain data for the checkpoint."""
        return {"best": self.best, "since": self.since, "stopped": self.stopped}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.best, self.since = float(state["best"]), int(state["since"])
        self.stopped = bool(state["stopped"]) and bool(self.patience)
