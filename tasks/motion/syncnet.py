"""Learn whether a mouth and a sound belong together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.clips.corpus import MotionBatch
from modules.motion.syncnet import CLIP_FRAMES, MOUTH, Offset, SyncNet, find_offset, offset_similarity, sync_loss
from tasks.core.board import Board
from tasks.motion.base import MotionTask
from tasks.motion.clips import Clips, sample_clips
from tasks.motion.config import SyncNetConfig
from tasks.motion.data import augment, open_corpus, start_from, stretch
from tasks.motion.losses import masked_rows
from tasks.motion.windows import in_eval_mode, read_speech
from utils.drawing.curves import plot_curves
from utils.errors import DataError
from utils.metrics import auc
from utils.rates import FPS
from utils.visualization.lm_visualizer import read_landmarks

SECOND = FPS - 4
"""Clips whose frames lie within one second."""
VAL_CLIPS = 512
"""Pairs compared per validation window."""
RADIUS = 15
"""Offsets tried either way, in frames."""


class SyncNetTask(MotionTask):
    """Train a SyncNet on any speech feature; judge it by how often it finds the right offset."""

    schema = SyncNetConfig
    cfg: SyncNetConfig
    in_words = ("auc", "tells right from wrong sound: {:.2f} of 1")
    network_settings = ("audio_feature", "centred")

    def __init__(self, config: SyncNetConfig) -> None:
        super().__init__(config)
        cfg = self.cfg
        self.model = SyncNet(cfg.audio_dim, width=cfg.width, dropout=cfg.dropout, own_mouth=cfg.own_mouth)

    def prepare(self) -> None:
        """Open the data and, before the first update, learn how its features are spread."""
        corpus = self.open_data()
        if self.updates:
            return
        if self.cfg.start_from:
            start_from(self, self.cfg.start_from)
        if self.cfg.own_mouth or not self.cfg.start_from:  # all of the data is looked through for these
            mean, std, landmarks = corpus.statistics()
            if not self.cfg.start_from:
                self.model.audio_norm.set(mean, std)
            if self.cfg.own_mouth:
                self.model.rest_at(landmarks)

    def schedule(self, update: int) -> float:
        """Fall along a cosine to nothing at `max_updates`."""
        return 0.5 * (1 + math.cos(math.pi * min(1.0, update / self.cfg.max_updates)))

    def losses(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Compare random clips of the batch; return means over clips (), see `SyncNetWeights`."""
        if self.training:
            batch = stretch(batch, self.cfg.disturbance.stretch)
            batch = augment(batch, self.cfg.disturbance, self.model.audio_norm)
            if self.cfg.mouth_noise:
                noise = self.cfg.mouth_noise * torch.randn_like(batch.landmarks)
                batch = batch._replace(landmarks=batch.landmarks + noise)
        clips = sample_clips(batch, self.cfg.sync_clips if self.training else VAL_CLIPS * len(batch.mask))
        heard, mouths = self._embed(clips)
        losses = {"sync": sync_loss(heard, mouths, clips.label)}
        if self.cfg.weights.offset:
            losses["offset"] = self._offset_loss(batch)
        return losses

    def _embed(self, clips: Clips) -> tuple[Tensor, Tensor]:
        """Embed clips in parts of 4096, which bounds the memory of a validation."""
        parts = [self.model(*part) for part in zip(clips.audio.split(4096), clips.mouth.split(4096), strict=True)]
        return torch.cat([heard for heard, _ in parts]), torch.cat([mouths for _, mouths in parts])

    def _offset_loss(self, batch: MotionBatch, count: int = 64, temperature: float = 0.1) -> Tensor:
        """Ask for the right sound among those of the same window up to 15 frames away, every other frame."""
        clips = sample_clips(batch, count, in_step=True)
        starts = (batch.mask.sum(dim=1) - 4).clamp(min=1)[clips.window]
        offsets = torch.arange(-RADIUS + 1, RADIUS, 2, device=self.device)
        places = clips.start[:, None] + offsets
        inside = (places >= 0) & (places < starts[:, None])
        rows = 2 * places.clamp(min=0)[..., None] + torch.arange(10, device=self.device)
        rows = rows.clamp(max=batch.audio.shape[1] - 1)
        sounds = batch.audio[clips.window[:, None, None], rows]
        heard = self.model.embed_audio(sounds.flatten(0, 1)).unflatten(0, inside.shape)
        mouths = self.model.embed_mouth(clips.mouth)
        logits = torch.einsum("nc,noc->no", mouths, heard).float() / temperature
        logits = logits.masked_fill(~inside, -1e4)
        right = torch.full_like(clips.start, len(offsets) // 2)
        return F.cross_entropy(logits, right)

    def metrics(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Tell right from wrong pairs (auc), and find the offset of one-second windows among +-15 frames: ()."""
        clips = sample_clips(batch, VAL_CLIPS * len(batch.mask))
        heard, mouths = self._embed(clips)
        figures = {"auc": _auc((heard * mouths).sum(dim=1), clips.label)}
        hits = [second_hits(self.model, batch, i) for i in range(len(batch.mask)) if masked_rows(batch, i) >= 60]
        if hits:
            names = ("offset_exact", "offset_within_1", "confidence")
            means = torch.cat(hits).mean(dim=0)
            figures |= dict(zip(names, means.unbind(), strict=True))
        return figures

    def find_offset(self, audio: Tensor, landmarks: Tensor) -> Offset:
        """Find by how many frames the sound is late: audio (2T, C), landmarks (T, 68, 3).

        Raises:
            DataError: There is less than one clip of 5 frames.
        """
        if min(len(landmarks), len(audio) // 2) < CLIP_FRAMES:
            raise DataError(f"{len(landmarks)} frames are too few to find an offset; {CLIP_FRAMES} is the least.")
        with in_eval_mode(self):
            return find_offset(self.model, audio, landmarks)

    @torch.no_grad()
    def find_seconds(self, audio: Tensor, landmarks: Tensor) -> dict[str, Any]:
        """Tell by how many frames the sound is late, second by second, as `offset_shares` does."""
        with in_eval_mode(self):
            return offset_shares(second_offsets(self.model, audio.float(), landmarks.float())[0])

    def draw(self, board: Board) -> None:
        """Show the similarity over offsets for some validation windows, named by the offset found."""
        curves = {}
        for number, batch in enumerate(self._val[: self.cfg.num_valid_plots]):
            n = masked_rows(batch, 0)
            offset = find_offset(self.model, batch.audio[0, : 2 * n], batch.landmarks[0, :n])
            curves[f"window {number}: {offset.offset_frames:+d}"] = offset.curve.numpy()
        if curves:
            reach = max(len(curve) for curve in curves.values()) // 2
            padded = {name: np.pad(c, reach - len(c) // 2, constant_values=np.nan) for name, c in curves.items()}
            xlabel = "sound late by (frames)"
            board.image("offset", plot_curves(padded, "similarity over offsets", xlabel=xlabel, fps=1.0, first=-reach))

    def infer(self) -> None:
        """Print the offset and its confidence of a sound against landmarks, or of the validation data."""
        if self.cfg.infer_npy_name:
            landmarks = read_landmarks(self.cfg.infer_npy_name)
            source, track = self.cfg.infer_audio_source_name, self.cfg.infer_audio_track
            level, frames = self.sound_level, len(landmarks)
            audio, _ = read_speech(source, self.cfg.audio_feature, frames, sound_level=level, track=track)
            _say(self.cfg.infer_npy_name, self.find_offset(audio, torch.from_numpy(landmarks)))
            return
        corpus = open_corpus(self.cfg, "val")
        for number, run in enumerate(corpus.runs[:20]):
            window = corpus.read(run)
            offset = self.find_offset(torch.from_numpy(window.audio), torch.from_numpy(window.landmarks))
            _say(f"stretch {number}, {run.frames / FPS:.1f} s", offset)


def second_hits(model: SyncNet, batch: MotionBatch, index: int) -> Tensor:
    """Find the offset of every one-second window of one item.

    Returns:
        (N, 3): found exactly, found within one frame, and the confidence (best less median similarity).
    """
    n = masked_rows(batch, index)
    offsets, confidence = second_offsets(model, batch.audio[index, : 2 * n], batch.landmarks[index, :n])
    return torch.stack([(offsets == 0).float(), (offsets.abs() <= 1).float(), confidence], dim=1)


def second_offsets(model: SyncNet, audio: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Find how late the sound is in every one-second window of audio (2T, C) and landmarks (T, 68, 3).

    Returns:
        (N,) frames, the k-th for frames k + 15 to k + 40, and (N,) confidence; a window has 15 frames before and after.
    """
    similarity, exists = offset_similarity(model, audio, landmarks[:, MOUTH], radius=RADIUS)
    inside = similarity[exists.all(dim=1)]
    if len(inside) < SECOND:
        return similarity.new_zeros(0), similarity.new_zeros(0)
    seconds = inside.unfold(0, SECOND, 1).mean(dim=-1)
    return seconds.argmax(dim=1) - RADIUS, seconds.amax(dim=1) - seconds.median(dim=1).values


def offset_shares(offsets: Tensor) -> dict[str, Any]:
    """Say how the offsets (N,) of one-second windows are spread, in frames by which the sound is late.

    Returns:
        windows: N; within_1, early, late: the shares at most one frame off, and beyond that; histogram: offset -> how
        many windows. Without a window, that is said and nothing else.
    """
    if not len(offsets):
        return {"windows": 0}
    values, counts = offsets.unique(return_counts=True)
    shares = {"within_1": offsets.abs() <= 1, "early": offsets < -1, "late": offsets > 1}
    return {
        "windows": len(offsets),
        **{name: float(share.float().mean()) for name, share in shares.items()},
        "histogram": {f"{int(value):+d}": int(count) for value, count in zip(values, counts, strict=True)},
    }


def _say(name: str, offset: Offset) -> None:
    sign = "late" if offset.offset_frames > 0 else "early"
    shift = f"{abs(offset.offset_frames)} frame(s) {sign}" if offset.offset_frames else "in step"
    print(f"{name}: sound {shift}, confidence {offset.confidence:.3f}")


def _auc(score: Tensor, label: Tensor) -> Tensor:
    """Return the chance that a pair in step scores higher than one out of step; 0 when one kind is missing."""
    return score.new_tensor(np.nan_to_num(auc(score.detach().double().cpu().numpy(), label.cpu().numpy())))
