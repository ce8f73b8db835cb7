"""Learn to hear what a large speech model hears, with a small network that answers at once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.speech.dataset import Piece, SpeechDataset, SpeechWindow
from modules.motion.disturbed_sound import by_telephone, chosen, in_a_room, louder, tilted, with_noise
from modules.motion.ear import EDGE, SAMPLES_A_ROW, Ear
from tasks.core.board import Board
from tasks.core.task import Task
from tasks.motion.ear_config import EarConfig
from utils.arrays import Bytes
from utils.drawing.canvas import side_by_side

SPARE_ROWS = -(-EDGE // SAMPLES_A_ROW)
"""Rows of sound read on either side, for the samples that the first and last row hear beyond their own."""


class EarBatch(NamedTuple):
    """Sound (B, S) float32 and what the teacher hears in its middle, (B, T, C) float32."""

    wav: Tensor
    rows: Tensor


class EarTask(Task):
    """Distil a large speech model's rows (Hinton et al., 2015) into an `Ear`."""

    schema = EarConfig
    cfg: EarConfig
    mean: Tensor
    std: Tensor
    in_words = ("likeness", "hears what the large model hears: {:.2f} of 1")
    network_settings = ("kernel", "rows_ahead")

    def __init__(self, config: EarConfig) -> None:
        super().__init__(config)
        cfg = self.cfg
        self._data: SpeechDataset | None = None
        self.model = Ear(cfg.channels, kernel=cfg.kernel, ahead=cfg.rows_ahead, expansion=cfg.expansion)
        self.register_buffer("mean", torch.zeros(self.model.width))
        self.register_buffer("std", torch.ones(self.model.width))

    def data(self) -> SpeechDataset:
        """Open the data once."""
        if self._data is None:
            self._data = SpeechDataset(self.cfg.binary_data_dir)
        return self._data

    def prepare(self) -> None:
        """Open the data; before the first update, take its mean and spread."""
        index = self.data().index
        self.data_fingerprint = index.fingerprint
        if self.updates == 0:
            self.mean.copy_(torch.tensor(index.mean))
            self.std.copy_(torch.tensor(index.std).clamp(min=1e-3))

    def train_source(self) -> EarSource:
        """Draw windows of the training sounds."""
        return EarSource(self.data(), self.model, self.cfg)

    def val_source(self) -> list[EarBatch]:
        """Cut the validation sounds into windows, always the same."""
        source = EarSource(self.data(), self.model, self.cfg, split="val")
        return source.whole(self.cfg.eval_max_batches)

    def schedule(self, update: int) -> float:
        """Rise over the warm-up, fall along a cosine to a two-hundredth."""
        falling = 0.5 * (1 + math.cos(math.pi * min(1.0, update / self.cfg.max_updates)))
        return min(1.0, (update + 1) / self.cfg.warmup_updates) * max(0.005, falling)

    def configure_optimizers(self) -> Any:
        """Return AdamW with `schedule`."""
        cfg = self.cfg
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=cfg.lr, betas=(0.9, 0.98), weight_decay=cfg.weight_decay, fused=True
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def hear(self, batch: EarBatch) -> tuple[Tensor, Tensor]:
        """Return what the ear and the teacher hear, (B, T, C) each, in channels of mean 0 and spread 1."""
        wav = self._disturbed(batch.wav) if self.training else batch.wav
        return self.model.inner(wav), (batch.rows - self.mean) / self.std

    def losses(self, batch: EarBatch) -> dict[str, Tensor]:
        """Compare the ear with its teacher, means ()."""
        heard, wanted = self.hear(batch)
        change, wanted_change = heard.diff(dim=1), wanted.diff(dim=1)
        return {
            "mse": F.mse_loss(heard, wanted),
            "cosine": 1 - F.cosine_similarity(heard, wanted, dim=-1).mean(),
            "change": F.mse_loss(change, wanted_change),
            "acceleration": F.mse_loss(change.diff(dim=1), wanted_change.diff(dim=1)),
        }

    def metrics(self, batch: EarBatch) -> dict[str, Tensor]:
        """Return the mean cosine with the teacher's rows, and the share of their variance that is explained: ()."""
        heard, wanted = self.hear(batch)
        explained = 1 - F.mse_loss(heard, wanted) / wanted.square().mean()
        return {"likeness": F.cosine_similarity(heard, wanted, dim=-1).mean(), "explained": explained}

    def draw(self, board: Board) -> None:
        """Show what teacher and ear hear in some held-out stretches: time to the right, a channel a line."""
        for number, batch in enumerate(self.val_source()[: self.cfg.num_valid_plots]):
            heard, wanted = self.hear(EarBatch(batch.wav[:1].to(self.device), batch.rows[:1].to(self.device)))
            shown = [_as_picture(rows[0]) for rows in (wanted, heard)]
            board.image(f"heard/{number}", side_by_side(shown, ["teacher", "ear"]))

    def _disturbed(self, wav: Tensor) -> Tensor:
        """Disturb each sound (B, S) in its own way."""
        cfg, count, device = self.cfg.disturb, len(wav), wav.device
        clean = wav = wav.cpu()
        wav = torch.where(chosen(count, cfg.room)[:, None], in_a_room(wav), wav)
        wav = torch.where(chosen(count, cfg.noise)[:, None], with_noise(wav, clean), wav)
        wav = louder(wav, cfg.gain_db)
        wav = torch.where(chosen(count, cfg.tilt)[:, None], tilted(wav), wav)
        return torch.where(chosen(count, cfg.telephone)[:, None], by_telephone(wav), wav).to(device)


def _as_picture(rows: Tensor, channels: int = 96) -> Bytes:
    """Turn the first channels of rows (T, C) into a picture: grey is 0, white 2 spreads above."""
    grey = (128 + 64 * rows[:, :channels].T).clamp(0, 255).byte().cpu().numpy()
    return np.repeat(np.repeat(grey, 2, axis=0), 2, axis=1)[..., None].repeat(3, axis=2)


class EarSource:
    """Random windows of speech, long sounds more often than short ones, a function of the random generator alone."""

    def __init__(self, data: SpeechDataset, ear: Ear, cfg: EarConfig, split: Any = "train") -> None:
        self.data, self.size, self.rows = data, cfg.batch_size, cfg.window_rows
        self.before = ear.rows_before + SPARE_ROWS
        self.needed = self.before + self.rows + ear.rows_ahead + SPARE_ROWS
        self.pieces = data.pieces(split, self.needed)
        places = np.array([piece.rows - self.needed + 1 for piece in self.pieces], np.float64)
        self._share = places / places.sum()
        self._names: list[str] = []

    def batch(self, rng: np.random.Generator) -> EarBatch:
        """Draw one batch."""
        chosen_pieces = [self.pieces[i] for i in rng.choice(len(self.pieces), self.size, p=self._share)]
        self._names = [piece.sound for piece in chosen_pieces]
        return self._batch([(piece, int(rng.integers(piece.rows - self.needed + 1))) for piece in chosen_pieces])

    def whole(self, most: int) -> list[EarBatch]:
        """Cut all pieces into windows side by side, at most `most` batches."""
        places = [
            (piece, start) for piece in self.pieces for start in range(0, piece.rows - self.needed + 1, self.needed)
        ]
        step = max(1, len(places) // (most * self.size))
        places = places[::step][: most * self.size]
        return [self._batch(places[i : i + self.size]) for i in range(0, len(places), self.size)]

    def names(self) -> list[str]:
        """Name the sounds that the last batch was made of."""
        return self._names

    def _batch(self, places: list[tuple[Piece, int]]) -> EarBatch:
        windows: list[SpeechWindow] = [self.data.window(piece, start, self.needed) for piece, start in places]
        cut = SPARE_ROWS * SAMPLES_A_ROW - EDGE
        wavs = np.stack([window.wav[cut : len(window.wav) - cut] for window in windows])
        rows = np.stack([window.rows[self.before : self.before + self.rows] for window in windows])
        return EarBatch(torch.from_numpy(wavs), torch.from_numpy(rows))
