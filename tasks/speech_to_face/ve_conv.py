"""From a spectrogram to the face feature of the speaker, by convolutions."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from data_gen.face_voice.sound import spectrogram
from modules.speech_to_face.ve_conv import VoiceEncoder
from tasks.speech_to_face.config import VoiceConfig
from tasks.speech_to_face.voice import VoiceTask
from utils.config.schema import Fraction, Positive
from utils.rates import RATE


class VeConvConfig(VoiceConfig):
    """What does the owner of this voice look like? Speech2Face's convolutional voice encoder."""

    spectrogram: Literal["reim", "magphase"] = "reim"
    """reim: real and imaginary part, as the paper; magphase: magnitude and phase, as the published code."""
    audio_seconds: Positive = 6.0
    """Seconds heard at once; at least 2.7."""
    width: Positive = 1.0
    """Factor on the network's channels; 0.25 suits a few hundred persons."""
    recompute: bool = False
    """Save two thirds of the memory for a quarter more time."""
    channels_last: bool = True
    """Lay spectrograms out pixel by pixel, which is quicker on most processors."""
    lr: Positive = 1e-3
    """Step size of Adam (betas 0.5, 0.999, epsilon 1e-4)."""
    lr_decay: Fraction = 0.95
    """Factor on the step size every `lr_decay_updates`."""
    lr_decay_updates: Positive = 10_000
    """See lr_decay."""


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
