"""A batch whose rows say where they are from."""

from __future__ import annotations

import torch

from data_gen.clips.corpus import MotionBatch


def numbered_batch(lengths: list[int], speakers: list[int], frames: int = 40) -> MotionBatch:
    """Make a batch whose rows say window and frame: 100 * window + frame."""
    size = len(lengths)
    place = 100.0 * torch.arange(size)[:, None] + torch.arange(frames)
    mask = torch.arange(frames) < torch.tensor(lengths)[:, None]
    landmarks = (place * mask)[..., None, None].expand(size, frames, 68, 3).clone()
    audio = (place * mask).repeat_interleave(2, dim=1)[..., None].repeat(1, 1, 4)
    return MotionBatch(audio, landmarks, torch.zeros(size, 2 * frames), mask, torch.tensor(speakers))
