"""From what is measured of a voice to the face feature of the speaker: for few persons, in closed form at first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from data_gen.face_voice.dataset import Pairs, VoicePair
from data_gen.face_voice.measure import MEASURES, measure
from modules.closed_form import best_ridge
from modules.speech_to_face.ve_ridge import VoiceRegression
from tasks.speech_to_face.config import VeRidgeConfig
from tasks.speech_to_face.data import VoiceBatch
from tasks.speech_to_face.features import measured_of
from tasks.speech_to_face.voice import VoiceTask
from utils.arrays import Floats
from utils.rates import RATE


class MeasuredSource:
    """Draw rows of a table that holds all pairs.

    Args:
        pairs: All of them.
        size: Batch size.
    """

    def __init__(self, pairs: VoiceBatch, size: int) -> None:
        self.pairs, self.size = pairs, size

    def batch(self, rng: np.random.Generator) -> VoiceBatch:
        """Draw one batch."""
        count = len(self.pairs.person)
        rows = torch.from_numpy(rng.choice(count, self.size, replace=self.size > count))
        return VoiceBatch(*(part[rows] for part in self.pairs))


class VeRidgeTask(VoiceTask):
    """Learn a ridge regression before the first update, and by updates what is not linear."""

    schema = VeRidgeConfig
    cfg: VeRidgeConfig
    model: VoiceRegression
    signed = True

    def make_model(self) -> VoiceRegression:
        """Build the network."""
        return VoiceRegression(MEASURES, self.cfg.feature_dim, hidden=self.cfg.hidden)

    @property
    def samples(self) -> int:
        """Return how many samples are heard at once."""
        return round(self.cfg.audio_seconds * RATE)

    def hearing(self) -> partial[Tensor]:
        """Return what measures a sound."""
        return partial(_measure)

    def begin(self) -> None:
        """Work the regression out, its softness by persons left out."""
        batch = self.train_source().pairs
        middle, spread = batch.sound.mean(0), batch.sound.std(0).clamp(min=1e-6)
        groups = batch.person.unique(return_inverse=True)[1]
        slopes, offset = best_ridge((batch.sound - middle) / spread, batch.feature, groups)
        with torch.no_grad():
            self.model.middle.copy_(middle)
            self.model.spread.copy_(spread)
            self.model.straight.weight.copy_(slopes.T)
            self.model.straight.bias.copy_(offset)

    def train_source(self) -> MeasuredSource:
        """Draw pairs of the training persons, each sound measured once as a whole."""
        return MeasuredSource(self._measured("train")[1], self.batch_size)

    def val_source(self) -> Sequence[VoiceBatch]:
        """Return the pairs of the validation persons, their sounds measured as a whole."""
        batch = self._measured("val", self.cfg.eval_max_pairs)[1]
        return [VoiceBatch(*part) for part in zip(*(rows.split(self.batch_size) for rows in batch), strict=True)]

    def _measured(self, split: Literal["train", "val"], most: int | None = None) -> tuple[list[VoicePair], VoiceBatch]:
        """Return at most `most` pairs of a split, evenly, and the batch that they are."""
        data, features = self.opened
        pairs = Pairs(data, split, self.cfg.pairing)
        numbers = np.linspace(0, len(pairs) - 1, min(most or len(pairs), len(pairs))).astype(int)
        chosen, table = [pairs[int(number)] for number in numbers], measured_of(data)
        rows = torch.stack([table[pair.entry][pair.clip] for pair in chosen])
        faces = torch.stack([features.face(pair.entry, pair.face) for pair in chosen])
        entries = torch.tensor([pair.entry for pair in chosen])
        persons = torch.tensor([data.numbers[pair.entry] for pair in chosen])
        return chosen, VoiceBatch(rows, faces, persons, entries)

    @torch.no_grad()
    def hear_whole(self, wav: Floats) -> Tensor:
        """Return the face feature (F,) of clean speech (S,), measured as a whole."""
        most = self.samples * self.cfg.infer_max_windows
        return self.hear(self.hearing()(wav[:most])[None].to(self.device))[0].float()

    @torch.no_grad()
    def hear_split(self, split: Literal["train", "val"], most: int) -> tuple[Tensor, list[VoicePair]]:
        """Hear at most `most` sounds of a split in full: features (N, F), and of which pairs."""
        chosen, batch = self._measured(split, most)
        return self.hear(batch.sound.to(self.device)).float().cpu(), chosen


def _measure(wav: Floats) -> Tensor:
    return torch.from_numpy(measure(wav))
