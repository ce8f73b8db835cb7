"""Draw pairs of face and voice, each with a face of somebody else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.wav2pix.pairs import FaceVoicePairs, Split, hear
from tasks.wav2pix.config import Wav2PixConfig


class PairBatch(NamedTuple):
    """Faces (B, 3, S, S) in [-1, 1], faces of another speaker, sounds (B, samples) as heard, speakers (B,)."""

    faces: Tensor
    wrong: Tensor
    wavs: Tensor
    labels: Tensor


class PairSource:
    """Draw pairs, each with the face of somebody else."""

    def __init__(self, pairs: FaceVoicePairs, cfg: Wav2PixConfig, split: Split = "train") -> None:
        self.pairs, self.cfg, self.split = pairs, cfg, split
        labels = pairs.labels(split)
        self.others = [np.flatnonzero(labels != label) for label in range(len(pairs.meta.speakers))]
        self._last = np.zeros(0, np.int64)

    def batch(self, rng: np.random.Generator) -> PairBatch:
        """Draw one batch."""
        drawn = self.of(rng.integers(0, self.pairs.count(self.split), self.cfg.batch_size), rng)
        return drawn._replace(wavs=turned(drawn.wavs, rng)) if self.cfg.augment_sound else drawn

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        speakers = self.pairs.meta.speakers
        labels = self.pairs.labels(self.split)[self._last]
        return [f"{self.split} pair {n} ({speakers[label]})" for n, label in zip(self._last, labels, strict=True)]

    def of(self, numbers: np.ndarray, rng: np.random.Generator) -> PairBatch:
        """Read the pairs called `numbers` (B,); `rng` chooses whose faces are wrong."""
        self._last = numbers
        labels = self.pairs.labels(self.split)[numbers]
        wrong = np.array([rng.choice(self.others[label]) for label in labels])
        wavs = torch.from_numpy(hear(self.pairs.wavs(self.split)[numbers], self.cfg.audio_normalisation))
        return PairBatch(self._faces(numbers), self._faces(wrong), wavs, torch.from_numpy(np.array(labels)))

    def _faces(self, numbers: np.ndarray) -> Tensor:
        faces = torch.from_numpy(self.pairs.faces(self.split)[numbers]).permute(0, 3, 1, 2).float()
        size = self.cfg.image_size
        if faces.shape[-1] != size:
            faces = F.interpolate(faces, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
        return (faces - 127.5) / 127.5


def turned(wavs: Tensor, rng: np.random.Generator) -> Tensor:
    """Return sounds (B, samples) that begin anywhere, what came before put after the end, half of them upside down."""
    shifts, signs = rng.integers(0, wavs.shape[1], len(wavs)), rng.choice([-1.0, 1.0], len(wavs))
    begun = [wav.roll(int(shift)) for wav, shift in zip(wavs, shifts, strict=True)]
    return torch.stack(begun) * torch.from_numpy(signs).to(wavs.dtype)[:, None]
