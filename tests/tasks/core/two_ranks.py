"""Train three tasks on made batches; alone, from the batches of two processes put together.

    torchrun --nproc_per_node=2 -m tests.tasks.core.two_ranks FOLDER
    python -m tests.tasks.core.two_ranks FOLDER

With `dies` after the folder the second process ends at its second batch, as one that is killed.

What differs between the two for good reasons is taken out: noise and dropout, which each process draws for itself, and
Adam, which makes steps out of rounding where there is no gradient.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch
from tasks.core.trainer import train
from tasks.registry import task_class
from tasks.speech_to_face.data import VoiceBatch
from tasks.template_to_face.data import TemplateBatch
from utils.processes.world import world

UPDATES, SIZE = 3, 4
RECIPES: dict[str, dict[str, Any]] = {
    "ve_conv": {
        "width": 0.05, "feature_dim": 16, "audio_seconds": 2.8, "channels_last": False,
        "weights": {"direction": 1.0, "distil": 0.0, "decoder": 0.0, "contrastive": 1.0},
    },
    "lm3d_vae_sync": {
        "hidden_size": 16, "condition_size": 8, "encoder_layers": 2, "decoder_layers": 2, "audio_feature": "mel",
        "weights": {"sync": 0.0}, "warmup_updates": 0,
    },
    "template_decoder": {
        "network": "light", "perceptor": "none", "weights": {"identity": 0.0, "perceptual": 0.0}, "save_powers": False,
    },
}  # fmt: skip


def made(task: str, rng: np.random.Generator) -> Any:
    """Draw one batch."""

    def numbers(*shape: int) -> Tensor:
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    if task == "ve_conv":
        person = torch.from_numpy(rng.integers(0, 6, SIZE))
        return VoiceBatch(numbers(SIZE, 2, 257, 281), numbers(SIZE, 16), person, person)
    if task == "lm3d_vae_sync":
        mask = torch.ones(SIZE, 24, dtype=torch.bool)
        return MotionBatch(
            numbers(SIZE, 48, 80), numbers(SIZE, 24, 68, 3), 100 + numbers(SIZE, 48), mask, torch.arange(SIZE)
        )
    crops = torch.from_numpy(rng.integers(0, 256, (SIZE, 112, 112, 3), np.uint8))
    return TemplateBatch(numbers(SIZE, 512), crops)


class Source:
    """Give a process its batches, or one process those of two."""

    def __init__(self, task: str) -> None:
        self.task, self.number = task, 0

    def batch(self, rng: np.random.Generator) -> Any:
        """Return the next batch."""
        self.number += 1
        if "dies" in sys.argv and world().rank == 1 and self.number == 2:
            os._exit(9)
        ranks = [world().rank] if world().size > 1 else [0, 1]
        parts = [made(self.task, np.random.default_rng([self.number, rank])) for rank in ranks]
        return type(parts[0])(*(torch.cat(rows) for rows in zip(*parts, strict=True)))


def main(folder: Path) -> None:
    """Train, and write weights before and after and the figures of the last update."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.randn_like = torch.zeros_like  # type: ignore[assignment]
    for name, settings in list(RECIPES.items())[: 1 if "dies" in sys.argv else None]:
        kind = task_class(name)
        settings = {"clip_grad_norm": 0.0, "val_check_interval": 99, "tb_log_interval": UPDATES, **settings}
        torch.manual_seed(0)
        task = kind(kind.schema.model_validate({"task_cls": name, "max_updates": UPDATES, **settings}))
        task.prepare = lambda: None
        task.train_source = lambda name=name: Source(name)
        task.val_source = lambda: []
        task.configure_optimizers = lambda task=task: torch.optim.SGD(
            [p for p in task.parameters() if p.requires_grad], lr=0.002
        )
        first = {n: value.clone() for n, value in task.state_dict().items()}
        train(task, folder / name)
        if world().rank == 0:
            torch.save(first, folder / f"{name}_first.pt")
            torch.save(task.state_dict(), folder / f"{name}.pt")
            figures = {k: float(v) for k, v in task.trainer.callback_metrics.items() if "loss" in k or "contr" in k}
            (folder / f"{name}.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
