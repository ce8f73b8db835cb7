"""Train four tasks on made batches; alone, from the batches of two processes put together.

    torchrun --nproc_per_node=2 -m tests.tasks.core.two_ranks FOLDER [--tasks NAME ...] [--updates 3] [--dies]
    python -m tests.tasks.core.two_ranks FOLDER

With `--dies` the second process ends at its second batch, as one that is killed. The same folder again goes on.

What differs between the two for good reasons is taken out: noise, jitter and dropout, which each process draws for
itself, and Adam, which makes steps out of rounding where there is no gradient.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch
from tasks.core.trainer import train
from tasks.registry import task_class
from tasks.renderer.patches import PatchBatch
from tasks.speech_to_face.data import VoiceBatch
from tasks.template_to_face.data import TemplateBatch
from utils.processes.world import world

UPDATES, SIZE = 3, 4
RATES = {"lm3d_nerf": 0.2, "ve_conv": 2e-4}
"""Step sizes of tasks whose gradients are small, or so large that a last bit of difference grows with every update."""
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
    "lm3d_nerf": {
        "size": 64, "upsample": 2, "n_rays": 144, "n_frames": SIZE, "n_bases": 3, "plane_size": 24, "dynamic_size": 12,
        "grid_size": 16, "plane_channels": 8, "decoder_width": 8, "n_samples_per_ray": 8, "n_samples_per_ray_fine": 4,
        "ema_decay": 0.0,
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
    if task == "lm3d_nerf":
        return patches(rng, numbers(SIZE, 5, 68, 3))
    crops = torch.from_numpy(rng.integers(0, 256, (SIZE, 112, 112, 3), np.uint8))
    return TemplateBatch(numbers(SIZE, 512), crops)


def patches(rng: np.random.Generator, landmarks: Tensor) -> PatchBatch:
    """Draw patches of frames, each of 12 x 12 rays through the box, whose pixels all count alike."""
    side, up = 12, 2
    corners = torch.from_numpy(rng.integers(10, 30, (SIZE, 2)))
    places = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"), dim=-1)
    uv = corners[:, None, None] + (places + 0.5) * up
    pose = torch.eye(4).repeat(SIZE, 1, 1)
    pose[:, 2, 3] = 10.0
    pixels = side * up
    frames, behind = (torch.from_numpy(rng.integers(0, 256, (SIZE, 3, pixels, pixels), np.uint8)) for _ in range(2))
    head, person = (torch.from_numpy(rng.integers(0, 256, (SIZE, 1, pixels, pixels), np.uint8)) for _ in range(2))
    weight = torch.ones(SIZE, 1, pixels, pixels)
    return PatchBatch(torch.arange(SIZE), landmarks, pose, uv, frames, behind, head, person, weight)


class Source:
    """Give a process its batches, or one process those of two."""

    def __init__(self, task: str, number: int, dies: bool) -> None:
        self.task, self.number, self.dies = task, number, dies

    def batch(self, rng: np.random.Generator) -> Any:
        """Return the next batch."""
        self.number += 1
        if self.dies and world().rank == 1 and self.number == 2:
            os._exit(9)
        ranks = [world().rank] if world().size > 1 else [0, 1]
        parts = [made(self.task, np.random.default_rng([self.number, rank])) for rank in ranks]
        return type(parts[0])(*(torch.cat(rows) for rows in zip(*parts, strict=True)))


def main() -> None:
    """Train, and write weights before and after and the figures of the last update."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", nargs="+", default=list(RECIPES))
    parser.add_argument("--updates", type=int, default=UPDATES)
    parser.add_argument("--dies", action="store_true")
    given = parser.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.randn_like = torch.zeros_like  # type: ignore[assignment]
    torch.rand = lambda *shape, device=None, **_: torch.full(shape, 0.5, device=device)  # type: ignore[assignment]
    for name in given.tasks:
        kind = task_class(name)
        settings = {"clip_grad_norm": 0.0, "val_check_interval": 99, "num_ckpt_keep": 5, "tb_log_interval": UPDATES}
        settings |= RECIPES[name]
        torch.manual_seed(0)
        task = kind(kind.schema.model_validate({"task_cls": name, "max_updates": given.updates, **settings}))
        task.prepare = lambda: None
        task.train_source = lambda task=task, name=name: Source(name, task.updates, given.dies)
        task.val_source = lambda: []
        task.unique_samples = lambda: 0
        task.configure_optimizers = lambda task=task: torch.optim.SGD(
            [p for p in task.parameters() if p.requires_grad], lr=RATES.get(task.cfg.task_cls, 0.002)
        )
        first = {n: value.clone() for n, value in task.state_dict().items()}
        train(task, folder / name)
        if world().rank == 0:
            torch.save(first, folder / f"{name}_first.pt")
            torch.save(task.state_dict(), folder / f"{name}.pt")
            figures = {k: float(v) for k, v in task.trainer.callback_metrics.items() if k.startswith("tr/")}
            (folder / f"{name}.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
