"""Which data the three motion tasks read, in what windows, and how it is disturbed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data_gen.clips.corpus import MotionBatch, MotionCorpus, Split
from modules.motion.audio_condition import FeatureNorm
from tasks.core.loading import load_task
from tasks.core.task import Task
from tasks.motion.config import AugmentConfig, MotionConfig
from utils.errors import ConfigError, DataError

log = logging.getLogger(__name__)

def open_corpus(cfg: MotionConfig, split: Split, paths: Sequence[Path] | None = None) -> MotionCorpus:
    """Open the corpus a recipe names and check that its speech feature is as wide as the network expects.

    Raises:
        DataError: It is of another width.
    """
    corpus = MotionCorpus(
        paths or cfg.corpus_paths(), cfg.audio_feature, split,
        val_share=cfg.person_val_share, val_talkers=cfg.val_talkers, centred=cfg.centred,
    )  # fmt: skip
    if corpus.audio_dim != cfg.audio_dim:
        raise DataError(
            f"{corpus.sources[0].path}: '{cfg.audio_feature}' is {corpus.audio_dim} wide, not {cfg.audio_dim}. "
            "Process it again."
        )
    return corpus


def start_from(task: Task, run: str) -> Task:
    """Give `task` the weights of another run of the same task, feature statistics included, and return that run.

    Vectors of talkers stay behind where `task` has no room for them: it begins as a stranger is imagined.

    Raises:
        ConfigError: That run is of another task or of another network.
    """
    other = load_task(run, "best", kind=task.cfg.task_cls, setting="start_from")
    if getattr(other, "sound_level", "") != getattr(task, "sound_level", ""):
        log.warning("%s was trained with sound at another level than this data has; it has more to learn.", run)
    state = other.state_dict()
    if not getattr(task.cfg, "talkers", 0):
        state = {name: value for name, value in state.items() if not name.startswith("model.talkers.")}
    if getattr(task.cfg, "own_mouth", False):
        state = {"model.rest": task.state_dict()["model.rest"], **state}
    try:
        task.load_state_dict(state)
    except RuntimeError:
        raise ConfigError(f"start_from = {run}: its network has other sizes or another audio_feature.") from None
    return other


class WindowSource:
    """Random windows of a corpus, a function of the random generator alone."""

    def __init__(self, corpus: MotionCorpus, cfg: MotionConfig) -> None:
        self.corpus, self.size, self.frames = corpus, cfg.batch_size, cfg.window_frames

    def batch(self, rng: np.random.Generator) -> MotionBatch:
        """Draw one batch."""
        return self.corpus.batch(rng, self.size, self.frames)

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        return self.corpus.names()


def val_batches(corpus: MotionCorpus, limit: int, *, frames: int = 250, size: int = 8) -> list[MotionBatch]:
    """Cut validation runs into ten-second windows, eight a batch, at most `limit` batches; always the same."""
    return corpus.whole(frames, size=size, limit=limit * size)


def augment(batch: MotionBatch, cfg: AugmentConfig, norm: FeatureNorm) -> MotionBatch:
    """Disturb the speech of a batch on its device, with torch's generator; what is hidden takes the corpus mean."""
    audio, (size, rows, channels) = batch.audio, batch.audio.shape
    device = audio.device
    if cfg.gain:
        audio = audio + cfg.gain * norm.std * torch.randn(size, 1, 1, device=device)
    if cfg.noise:
        audio = audio + cfg.noise * norm.std * torch.randn_like(audio)
    for share, extent, shape in ((cfg.mask_channels, channels, (1, -1)), (cfg.mask_time, rows, (-1, 1))):
        if share:
            width = torch.rand(size, 1, 1, device=device) * share * extent
            start = torch.rand(size, 1, 1, device=device) * (extent - width)
            place = torch.arange(extent, device=device).reshape(1, *shape)
            audio = torch.where((place >= start) & (place < start + width), norm.mean, audio)
    return batch._replace(audio=audio)


def stretch(batch: MotionBatch, most: float) -> MotionBatch:
    """Play every window at a pace of its own, 1 - most to 1 + most, with torch's generator.

    A faster window is over sooner: its last frames are masked.
    """
    if not most:
        return batch
    size, frames = batch.mask.shape
    device = batch.mask.device
    pace = 1 + most * (2 * torch.rand(size, 1, device=device) - 1)

    def at(rows: Tensor, rate: int) -> Tensor:
        count = frames * rate
        place = torch.arange(count, device=device) * pace
        low = place.long().clamp(max=count - 1)
        high = (low + 1).clamp(max=count - 1)
        part = (place - low).clamp(0, 1).reshape(size, count, *[1] * (rows.dim() - 2))
        window = torch.arange(size, device=device)[:, None]
        return torch.lerp(rows[window, low], rows[window, high], part)

    real = batch.mask.sum(dim=1, keepdim=True)
    mask = torch.arange(frames, device=device) * pace <= real - 1
    landmarks = at(batch.landmarks.flatten(2), 1).unflatten(-1, (68, 3)) * mask[..., None, None]
    heard = mask.repeat_interleave(2, dim=1)
    pitch = batch.pitch_hz[torch.arange(size, device=device)[:, None], 2 * _nearest(pace, frames)]
    return MotionBatch(
        at(batch.audio, 2) * heard[..., None], landmarks, pitch.repeat_interleave(2, dim=1) * heard, mask, batch.speaker
    )


def _nearest(pace: Tensor, frames: int) -> Tensor:
    """Return which frame each frame is when played at a pace (B, 1), (B, T); pitch must not be averaged with 0."""
    return (torch.arange(frames, device=pace.device) * pace).round().long().clamp(max=frames - 1)
