"""From filter banks to the face feature of the speaker, by an audio spectrogram transformer in two phases."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data_gen.face_voice.sound import ast_features
from modules.speech_to_face.ve_ast import VoiceTransformer
from tasks.speech_to_face.config import VeAstConfig
from tasks.speech_to_face.data import VoiceBatch
from tasks.speech_to_face.voice import VoiceTask
from utils.asset_table import ASSETS
from utils.assets import asset_path
from utils.errors import ConfigError
from utils.offline import is_offline
from utils.rates import RATE

log = logging.getLogger(__name__)


class VeAstTask(VoiceTask):
    """Train the transformer: its head first, then all or the last blocks."""

    schema = VeAstConfig
    cfg: VeAstConfig
    network_settings = ("bank_mean", "bank_std")

    def __init__(self, config: VeAstConfig) -> None:
        super().__init__(config)
        self.fine_tune_from = -1
        """Update at which the second phase began; -1 in the first."""
        self.model.train_only(0)  # type: ignore[operator]

    def make_model(self) -> VoiceTransformer:
        """Build the network, with random weights; `prepare` loads the pretrained ones."""
        cfg = self.cfg
        return VoiceTransformer(
            feature_dim=cfg.feature_dim, hidden=cfg.hidden, layers=cfg.layers, heads=cfg.heads, rows=cfg.rows,
            stride=cfg.patch_stride,
        )  # fmt: skip

    def prepare(self) -> None:
        """Load the pretrained transformer before the first update."""
        if self.cfg.ema_decay and self.cfg.fine_tune:
            raise ConfigError("ema_decay averages the weights that learn from the start; set it to 0 with fine_tune.")
        super().prepare()
        if self.updates == 0 and self.cfg.pretrained != "none":
            is_asset = self.cfg.pretrained in ASSETS
            folder = asset_path(self.cfg.pretrained) if is_asset else Path(self.cfg.pretrained)
            if is_offline() and not folder.is_dir():
                raise ConfigError(f"pretrained = {folder}: no such folder, and VIZEME_OFFLINE lets none be fetched.")
            try:
                self.model.load_pretrained(folder)  # type: ignore[operator]
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split())[:200]
                raise ConfigError(f"pretrained = {self.cfg.pretrained}: no such transformer ({reason}).") from None

    @property
    def samples(self) -> int:
        """Return how many samples are heard at once."""
        return round(self.cfg.audio_seconds * RATE)

    def hearing(self) -> partial[Tensor]:
        """Return the normalised filter banks."""
        return partial(ast_features, mean=self.cfg.bank_mean, std=self.cfg.bank_std, rows=self.cfg.rows)

    @property
    def batch_size(self) -> int:
        """Return the larger of the phases' batches: when the second begins is not known where batches are drawn."""
        return max(self.cfg.batch_size, self.cfg.batch_size_fine_tune)

    def training_step(self, batch: VoiceBatch, batch_idx: int) -> Tensor | None:
        """Learn from as many pairs of the batch as the phase takes."""
        wanted = (self.cfg.batch_size_fine_tune if self.fine_tune_from >= 0 else 0) or self.cfg.batch_size
        return super().training_step(VoiceBatch(*(part[:wanted] for part in batch)), batch_idx)

    # -- phases ----------------------------------------------------------------------------------------------------
    def schedule(self, update: int) -> float:
        """Return 1 in the first phase, and the second's share of the step size from then on."""
        return 1.0 if self.fine_tune_from < 0 else self.cfg.lr_fine_tune / self.cfg.lr

    def configure_optimizers(self) -> Any:
        """Return Adam over everything; what is frozen gets no gradient and is passed over."""
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.cfg.lr, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Begin the second phase when its time has come."""
        if self.cfg.fine_tune and self.fine_tune_from < 0 and self.updates >= self.cfg.head_updates:
            self._begin_fine_tuning()

    def on_no_progress(self) -> None:
        """Begin the second phase, or end the training when it has begun."""
        if self.cfg.fine_tune and self.fine_tune_from < 0:
            self._begin_fine_tuning()
        else:
            super().on_no_progress()

    def _begin_fine_tuning(self) -> None:
        self.fine_tune_from = self.updates
        self.stopper.restart()
        self._unfreeze()
        for group in self.optimizers(use_pl_optimizer=False).param_groups:  # type: ignore[union-attr]
            group["lr"] = self.cfg.lr_fine_tune
        log.info("Update %d: the transformer learns too, with step size %g", self.updates, self.cfg.lr_fine_tune)

    def _unfreeze(self) -> None:
        self.model.train_only(self.cfg.fine_tune_layers or None)  # type: ignore[operator]

    def extra_state(self) -> dict[str, Any]:
        """Keep the phase, besides the early stopping's count."""
        return {**super().extra_state(), "fine_tune_from": self.fine_tune_from}

    def on_load_extra(self, extra: dict[str, Any]) -> None:
        """Take the phase back."""
        super().on_load_extra(extra)
        self.fine_tune_from = int(extra.get("fine_tune_from", -1))
        if self.fine_tune_from >= 0:
            self._unfreeze()
