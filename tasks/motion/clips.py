"""Draw pairs of a fifth of a second of speech and mouth from a batch: in step, or out of step in three ways.

Everything is a gather on the batch's device: no loop over clips, no value sent to the host.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch
from modules.motion.syncnet import CLIP_FRAMES, MOUTH

IN_STEP, OTHER_SPEAKER, OTHER_TIME, NEAR_MISS = range(4)
KIND_CHANCES = (0.5, 0.125, 0.1875, 0.1875)
"""How often each kind is drawn: half in step, then 25, 37.5 and 37.5 % of the rest."""
NEAR = (2, 5)
"""A near miss is so many frames off, at least and at most."""


class Clips(NamedTuple):
    """N pairs: audio (N, 10, C), mouth (N, 5, 20, 3), label (N,) 1 = in step, kind (N,) int64.

    `window`, `start` say where the mouth is from; `audio_window`, `audio_start` where the sound is from.
    """

    audio: Tensor
    mouth: Tensor
    label: Tensor
    kind: Tensor
    window: Tensor
    start: Tensor
    audio_window: Tensor
    audio_start: Tensor


def sample_clips(batch: MotionBatch, count: int, *, landmarks: Tensor | None = None, in_step: bool = False) -> Clips:
    """Draw `count` pairs with torch's generator.

    Args:
        batch: Windows of at least CLIP_FRAMES + 1 frames; real frames come first.
        landmarks: Take the mouths from here instead, (B, T, 68, 3), for example from imagined landmarks.
        in_step: Draw pairs in step only.

    A sound of another speaker is truly another speaker's when the batch has one, else it is from another window.
    A near miss that would fall outside its window is taken on the other side.
    """
    landmarks = batch.landmarks if landmarks is None else landmarks
    device, size = batch.mask.device, len(batch.mask)
    starts = (batch.mask.sum(dim=1) - CLIP_FRAMES + 1).clamp(min=1)
    window = torch.randint(size, (count,), device=device)
    start = _uniform(starts[window])
    kind = torch.full_like(window, IN_STEP) if in_step else _kinds(count, device)

    room = starts[window]
    other_time = (start + CLIP_FRAMES + _uniform((room - 2 * CLIP_FRAMES - 1).clamp(min=1)) + 1) % room
    step = torch.randint(NEAR[0], NEAR[1] + 1, (count,), device=device)
    step = torch.where(torch.rand(count, device=device) < 0.5, step, -step)
    moved = start + step
    near = torch.where((moved >= 0) & (moved < room), moved, start - step).clamp(min=0)
    near = torch.minimum(near, room - 1)
    other_window = _other_window(batch.speaker, window)
    other_start = _uniform(starts[other_window])

    audio_window = torch.where(kind == OTHER_SPEAKER, other_window, window)
    audio_start = start
    for which, place in ((OTHER_SPEAKER, other_start), (OTHER_TIME, other_time), (NEAR_MISS, near)):
        audio_start = torch.where(kind == which, place, audio_start)
    label = ((audio_window == window) & (audio_start == start)).float()

    rows = 2 * audio_start[:, None] + torch.arange(2 * CLIP_FRAMES, device=device)
    frames = start[:, None] + torch.arange(CLIP_FRAMES, device=device)
    rows = rows.clamp(max=batch.audio.shape[1] - 1)
    frames = frames.clamp(max=landmarks.shape[1] - 1)
    return Clips(
        batch.audio[audio_window[:, None], rows], landmarks[window[:, None], frames][:, :, MOUTH],
        label, kind, window, start, audio_window, audio_start,
    )  # fmt: skip


def _kinds(count: int, device: torch.device) -> Tensor:
    """Draw kinds of pairs by KIND_CHANCES, without the wait for the device that `torch.multinomial` has."""
    drawn = torch.rand(count, device=device)
    kind = torch.zeros(count, dtype=torch.long, device=device)
    for edge in itertools.accumulate(KIND_CHANCES[:-1]):
        kind += drawn >= edge
    return kind


def _uniform(below: Tensor) -> Tensor:
    """Draw one whole number in [0, below) for every entry."""
    drawn = (torch.rand(below.shape, device=below.device) * below).long()
    return torch.minimum(drawn, below - 1)


def _other_window(speaker: Tensor, window: Tensor) -> Tensor:
    """Choose for every window another one: of another speaker if there is any, else any other."""
    own = speaker[window]
    strange = (speaker[None, :] != own[:, None]).float()
    different = 1.0 - torch.nn.functional.one_hot(window, len(speaker)).float()
    score = torch.rand(len(window), len(speaker), device=window.device) + 2 * strange + different
    return score.argmax(dim=1)


def auc(score: Tensor, label: Tensor) -> Tensor:
    """Return the chance that a pair in step (label 1) scores higher than one out of step: (N,), (N,) -> ()."""
    order = torch.empty_like(score)
    order[score.argsort()] = torch.arange(1, len(score) + 1, device=score.device, dtype=score.dtype)
    right = label.sum()
    wrong = len(label) - right
    return ((order * label).sum() - right * (right + 1) / 2) / (right * wrong).clamp(min=1)
