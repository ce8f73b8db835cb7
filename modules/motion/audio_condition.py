"""Turn 50 Hz speech features and pitch into one conditioning vector per video frame."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

AudioPairing = Literal["even", "pair"]

PITCH_BINS = 300
"""Rows of the pitch embedding; bins 1..255 are used."""
_PITCH_MIN_HZ = 50.0
_PITCH_MAX_HZ = 1100.0


class FeatureNorm(nn.Module):
    """Subtract a corpus mean and divide by its spread, channel by channel; the identity until set.

    Args:
        dim: Channels of one feature row.

    Shapes:
        x: (..., dim). returns: (..., dim).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def set(self, mean: Float[Tensor, " dim"], std: Float[Tensor, " dim"]) -> None:
        """Remember the statistics (dim,) of a corpus; a channel that never moves is left unscaled."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-5, std, torch.ones_like(std)))

    def forward(self, x: Float[Tensor, "*rows dim"]) -> Float[Tensor, "*rows dim"]:
        """Return `x` in standard units."""
        return (x - self.mean) / self.std


def pair_rows(audio: Float[Tensor, "B rows C"], pairing: AudioPairing) -> Float[Tensor, "B T _C"]:
    """Bring 50 Hz rows to 25 Hz frames: keep the even ones, or lay both side by side.

    Shapes:
        audio: (B, 2T, C). returns: (B, T, C) for "even", (B, T, 2C) for "pair".
    """
    if pairing == "even":
        return audio[:, ::2]
    batch, rows, channels = audio.shape
    return audio.reshape(batch, rows // 2, 2 * channels)


def pitch_bins(pitch_hz: Tensor) -> Tensor:
    """Sort fundamental frequencies into 255 steps of the mel scale; 1 is unvoiced.

    Shapes:
        pitch_hz: (...) Hz, 0 where unvoiced. returns: (...) int64 in 1..255.
    """
    mel = 1127.0 * torch.log1p(pitch_hz.float().clamp(min=0) / 700.0)
    low, high = (1127.0 * torch.log1p(torch.tensor(hz / 700.0)).item() for hz in (_PITCH_MIN_HZ, _PITCH_MAX_HZ))
    scaled = torch.where(mel > 0, (mel - low) * 254.0 / (high - low) + 1.0, mel)
    return (scaled.clamp(1.0, 255.0) + 0.5).long()


def condition_encoder(channels_in: int, hidden: int, channels_out: int) -> nn.Sequential:
    """Build the two 3-tap convolutions that read a condition: (B, C, T) -> (B, channels_out, T)."""
    return nn.Sequential(
        nn.Conv1d(channels_in, hidden, 3, padding=1, bias=False),
        nn.BatchNorm1d(hidden),
        nn.GELU(),
        nn.Conv1d(hidden, channels_out, 3, padding=1, bias=False),
    )
