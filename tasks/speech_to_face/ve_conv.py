"""From a spectrogram to the face feature of the speaker, by convolutions."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from data_gen.face_voice.sound import spectrogram
from modules.speech_to_face.ve_conv import VoiceEncoder
from tasks.speech_to_face.config import VeConvConfig
from tasks.speech_to_face.voice import VoiceTask
from utils.rates import RATE


class VeConvTask(VoiceTask):
    """Train the convolutional voice encoder."""

    schema = VeConvConfig
    cfg: VeConvConfig
    network_settings = ("spectrogram",)

    def make_model(self) -> VoiceEncoder:
        """Build the network."""
        model = VoiceEncoder(width=self.cfg.width, feature_dim=self.cfg.feature_dim, recompute=self.cfg.recompute)
        if self.cfg.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model

    @property
    def samples(self) -> int:
        """Return how many samples are heard at once."""
        return round(self.cfg.audio_seconds * RATE)

    def hearing(self) -> partial[Tensor]:
        """Return the spectrogram of the recipe's kind."""
        return partial(spectrogram, kind=self.cfg.spectrogram)

    def hear(self, sound: Tensor) -> Tensor:
        """Return the features heard, (B, F)."""
        if self.cfg.channels_last:
            sound = sound.contiguous(memory_format=torch.channels_last)
        return self.model(sound)

    def schedule(self, update: int) -> float:
        """Fall by `lr_decay` every `lr_decay_updates`."""
        return self.cfg.lr_decay ** (update // self.cfg.lr_decay_updates)

    def configure_optimizers(self) -> Any:
        """Return Adam as the paper sets it, with `schedule`."""
        weights = self.model.parameters()
        optimizer = torch.optim.Adam(weights, lr=self.cfg.lr, betas=(0.5, 0.999), eps=1e-4, fused=True)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
