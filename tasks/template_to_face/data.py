"""How pairs of face and template become batches, and pictures bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.templates.shards import TemplateShards
from utils.media.pictures import resized


class TemplateBatch(NamedTuple):
    """Templates (B, D) as the recogniser gave them, and crops (B, S, S, 3) RGB uint8 at the decoder's size."""

    templates: Tensor
    crops: Tensor


class TemplateSource:
    """Draw pairs of crop and template."""

    def __init__(self, shards: TemplateShards, size: int, batch_size: int, augment: bool) -> None:
        self.shards, self.size, self.batch_size, self.augment = shards, size, batch_size, augment
        self._last: list[int] = []

    def batch(self, rng: np.random.Generator) -> TemplateBatch:
        """Draw one batch."""
        self._last = rng.integers(0, self.shards.count("train"), self.batch_size).tolist()
        return template_batch(self.shards, "train", self._last, self.size, rng if self.augment else None)

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        return [f"train pair {number}: {self.shards.name('train', number)}" for number in self._last]


def template_batch(
    shards: TemplateShards,
    split: Literal["train", "val"],
    numbers: Sequence[int],
    size: int,
    rng: np.random.Generator | None = None,
) -> TemplateBatch:
    """Read pairs; with `rng` their photos are changed a little."""
    pairs = [shards.read(split, number) for number in numbers]
    crops = [resized(pair.crop if rng is None else changed(pair.crop, rng), size) for pair in pairs]
    templates = np.stack([pair.template for pair in pairs])
    return TemplateBatch(torch.from_numpy(templates), torch.from_numpy(np.stack(crops)))


def changed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror (half the time), move by 5 %, turn by 5 degrees, scale by 5 % and tint a crop (S, S, 3) uint8."""
    import cv2

    size = crop.shape[0]
    angle, scale = rng.uniform(-5, 5), rng.uniform(0.95, 1.05)
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, scale)
    matrix[:, 2] += rng.uniform(-0.05, 0.05, 2) * size
    moved = cv2.warpAffine(crop, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        moved = moved[:, ::-1]
    gain, shift = rng.uniform(0.85, 1.15, 3), rng.uniform(-12, 12)
    return np.clip(moved * gain + shift, 0, 255).astype(np.uint8)


def pictures(crops: Tensor) -> Tensor:
    """Return (B, 3, S, S) float32 in [-1, 1] of (B, S, S, 3) uint8."""
    return crops.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)


def to_crops(faces: Tensor) -> Tensor:
    """Return (B, S, S, 3) uint8 on the CPU of (B, 3, S, S) in [-1, 1]; what is beyond is clipped."""
    return faces.float().mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu()


def at_crop(faces: Tensor) -> Tensor:
    """Return pictures (B, 3, S, S) at a recogniser's (B, 3, 112, 112)."""
    if faces.shape[-1] == 112:
        return faces
    return F.interpolate(faces, size=(112, 112), mode="bilinear", align_corners=False)
