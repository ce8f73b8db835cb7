"""Losses that the motion tasks share."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from data_gen.clips.corpus import MotionBatch
from modules.motion.syncnet import sync_loss
from tasks.core.task import Task
from tasks.motion.clips import sample_clips


def warm_up_and_decay(update: int, warmup: int, decay: int) -> float:
    """Rise linearly to 1 over `warmup` updates, then fall to a tenth every `decay` updates."""
    return min(1.0, (update + 1) / max(1, warmup)) * math.pow(0.1, max(0, update - warmup) / decay)


def mse(out: Tensor, batch: MotionBatch, points: slice = slice(0, 68)) -> Tensor:
    """Return the mean squared error of landmarks (B, T, 68, 3) over real frames and all coordinates of `points`."""
    error = ((out - batch.landmarks) * batch.mask[..., None, None])[:, :, points].square()
    return error.sum() / (batch.mask.sum().clamp(min=1) * error.shape[2] * 3)


def continuity(out: Tensor, batch: MotionBatch) -> Tensor:
    """Return the mean squared error of the movement of (B, T, 68, 3), and of the first frame, over real frames."""
    error = (out - batch.landmarks) * batch.mask[..., None, None]
    step = (error[:, 1:] - error[:, :-1]) * batch.mask[:, 1:, None, None]
    return (step.square().sum() + error[:, 0].square().sum()) / (batch.mask.sum().clamp(min=1) * 204)


def sync_of(syncnet: Task, batch: MotionBatch, landmarks: Tensor, count: int) -> Tensor:
    """Return how far SyncNet is from calling `count` clips of imagined (B, T, 68, 3) in step with their sound."""
    clips = sample_clips(batch, count, landmarks=landmarks, in_step=True)
    model: Any = syncnet.model
    heard, mouths = model(clips.audio, clips.mouth)
    return sync_loss(heard, mouths, clips.label)


def masked_rows(batch: MotionBatch, index: int) -> int:
    """Return how many frames of window `index` are real."""
    return int(batch.mask[index].sum())


def lip_opening(landmarks: Tensor) -> Tensor:
    """Return how far the lips are open: (..., 68, 3) -> (...), tenths of an eye distance, mean of three point pairs."""
    return (landmarks[..., (61, 62, 63), 1] - landmarks[..., (67, 66, 65), 1]).mean(dim=-1)


def lip_metrics(imagined: Tensor, batch: MotionBatch) -> dict[str, Tensor]:
    """Compare imagined (B, T, 68, 3) with recorded lips over the real frames of a batch.

    Returns:
        lip_correlation: of the lip opening, each speaker centred; lip_error: mean distance of the 20 mouth points,
        tenths of an eye distance; lip_spread: spread of the imagined lip opening over that of the recorded one.
    """
    mask = batch.mask.float()
    same = (batch.speaker[:, None] == batch.speaker[None, :]).float()
    a, b = (_centred(lip_opening(x.float()), mask, same) for x in (imagined, batch.landmarks))
    spread = (a.square().sum() / b.square().sum().clamp(min=1e-9)).sqrt()
    correlation = (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp(min=1e-9)
    distance = (imagined - batch.landmarks)[:, :, 48:68].float().norm(dim=-1).mean(dim=-1)
    return {
        "lip_correlation": correlation,
        "lip_error": (distance * mask).sum() / mask.sum().clamp(min=1),
        "lip_spread": spread,
    }


def mouth_variance(landmarks: Tensor, batch: MotionBatch) -> Tensor:
    """Return the variance over time of the 20 mouth points of (B, T, 68, 3), mean over points and axes.

    Each window's own mean is taken off: a face that never changes has none, whoever's it is.
    """
    mask = batch.mask[..., None, None].float()
    mouth = landmarks[:, :, 48:68].float()
    frames = mask.sum(dim=1, keepdim=True).clamp(min=1)
    centred = (mouth - (mouth * mask).sum(dim=1, keepdim=True) / frames) * mask
    return centred.square().sum() / (mask.sum().clamp(min=1) * 60)


def _centred(values: Tensor, mask: Tensor, same: Tensor) -> Tensor:
    """Take every speaker's own mean off (B, T) values."""
    # sums, not matrix products: autocast would round those to bfloat16
    total, count = ((same * x.sum(dim=1)).sum(dim=1) for x in (values * mask, mask))
    mean = total / count.clamp(min=1)
    return (values - mean[:, None]) * mask
