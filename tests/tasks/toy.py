"""A task of four weights, to test what all tasks share."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tasks.core.board import Board
from tasks.core.config import TaskConfig
from tasks.core.task import Task
from utils.config.schema import Config, Count, Weight


class ToyWeights(Config):
    """Weights of the toy's losses."""

    error: Weight = 1.0
    """Squared error."""
    size: Weight = 0.01
    """Squared weights."""


class ToyConfig(TaskConfig):
    """Settings of the toy."""

    width: Count = 4
    """Inputs."""
    flavour: str = "plain"
    """What the network means."""
    nan_at: int = -1
    """Break at this draw."""
    weights: ToyWeights = ToyWeights()
    """How much each loss counts."""


class ToyBatch(NamedTuple):
    """Inputs (B, width) and targets (B,)."""

    x: Tensor
    y: Tensor


class ToySource:
    """Points of a plane."""

    def __init__(self, width: int) -> None:
        self.width = width

    def batch(self, rng: np.random.Generator) -> ToyBatch:
        """Draw eight points."""
        x = torch.from_numpy(rng.normal(size=(8, self.width)).astype(np.float32))
        return ToyBatch(x, x.sum(1))


class ToyTask(Task):
    """Fit a plane, with dropout so that randomness matters."""

    schema = ToyConfig
    network_settings = ("flavour",)
    cfg: ToyConfig

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.model = nn.Sequential(nn.Linear(self.cfg.width, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.seen: list[float] = []
        self.thrown = False

    def losses(self, batch: ToyBatch) -> dict[str, Tensor]:
        """Compare with the plane."""
        error = (self.model(batch.x)[:, 0] - batch.y).square().mean()
        if self.training:
            if str(self.updates) == os.environ.get("TOY_KILLED_AT"):
                os.kill(os.getpid(), signal.Signals[os.environ.get("TOY_SIGNAL", "SIGKILL")])
            self.thrown = True
            if self.updates == self.cfg.nan_at:
                error = error * float("nan")
            self.seen.append(error.item())
        return {"error": error, "size": sum(p.square().sum() for p in self.parameters())}

    def train_source(self) -> ToySource:
        """Draw for ever."""
        return ToySource(self.cfg.width)

    def val_source(self) -> list[ToyBatch]:
        """Draw three batches."""
        return [ToySource(self.cfg.width).batch(np.random.default_rng(i)) for i in range(3)]

    def extra_state(self) -> dict[str, bool]:
        """Keep the switch."""
        return {"thrown": self.thrown}

    def on_load_extra(self, extra: dict[str, bool]) -> None:
        """Take the switch back."""
        self.thrown = bool(extra.get("thrown", False))

    def draw(self, board: Board) -> None:
        """Draw one of everything."""
        board.image("toy/image", np.zeros((4, 6, 3), np.uint8))
        board.animation("toy/animation", np.zeros((3, 4, 6, 3), np.uint8))
        board.mesh("toy/mesh", np.zeros((5, 3), np.float32))

    def infer(self) -> None:
        """Say the answer for ones."""
        print(f"answer {self.model(torch.ones(1, self.cfg.width, device=self.device)).item():.6f}")
