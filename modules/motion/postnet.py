"""Bring imagined landmarks into one person's range: a residual refiner and a per-frame critic."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.layers.time_layers import TimeConv, TimeNorm


class PostNetBlock(nn.Module):
    """Convolve over time, normalise, optionally add the input, rectify: (B, C, T) -> (B, D, T)."""

    def __init__(self, channels_in: int, channels_out: int, *, residual: bool = False) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(TimeConv(channels_in, channels_out, 3, padding=1), TimeNorm(channels_out))
        self.residual = residual

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D T"]:
        """Return the rectified features."""
        out = self.conv_block(x)
        return F.leaky_relu(out + x if self.residual else out, 0.2)


class PostNet(nn.Module):
    """Correct landmarks by a small learned difference.

    Args:
        width: Channels of the outer blocks; the inner one has twice as many.
        pitch_dim: Width of the pitch embedding laid beside the landmarks; 0 for none.

    Shapes:
        landmarks: (B, T, 68, 3) float32 `landmarks`. mask: (B, T) bool. pitch: (B, T, pitch_dim).
        returns: (B, T, 68, 3). Padding is exactly zero.
    """

    def __init__(self, *, width: int = 128, pitch_dim: int = 0) -> None:
        super().__init__()
        one, two, points = width, 2 * width, 68 * 3

        def block(channels_in: int, channels_out: int) -> nn.Sequential:
            return nn.Sequential(
                PostNetBlock(channels_in, channels_out),
                PostNetBlock(channels_out, channels_out, residual=True),
                PostNetBlock(channels_out, channels_out, residual=True),
            )

        self.block1 = block(points + pitch_dim, one)
        self.block2 = block(one, two)
        self.block3 = nn.Sequential(PostNetBlock(two, one), TimeConv(one, points, 1))

    def start_at_identity(self) -> None:
        """Make the first correction nothing, so that training can only improve on what came in."""
        last = self.block3[1]
        assert isinstance(last, nn.Conv1d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self,
        landmarks: Float[Tensor, "B T 68 3"],
        mask: Bool[Tensor, "B T"],
        pitch: Float[Tensor, "B T pitch"] | None = None,
    ) -> Float[Tensor, "B T 68 3"]:
        """Return the corrected landmarks."""
        keep = mask[:, None].to(landmarks.dtype)
        raw = landmarks.flatten(2).transpose(1, 2) * keep
        x = raw if pitch is None else torch.cat([raw, pitch.transpose(1, 2) * keep], dim=1)
        for block in (self.block1, self.block2, self.block3):
            x = block(x) * keep
        return (raw + x).transpose(1, 2).unflatten(-1, (68, 3))


class FrameCritic(nn.Module):
    """Score single frames: 1 for this person's own landmarks, 0 for imagined ones (least squares).

    Shapes:
        landmarks: (N, 68, 3) float32. returns: (N,) float32, unbounded.
    """

    def __init__(self, *, width: int = 128, dropout: float = 0.25) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = [68 * 3, width, 2 * width, 2 * width, width]
        for i in range(4):
            layers += [
                nn.Linear(widths[i], widths[i + 1]),
                nn.LeakyReLU(0.2 if i == 0 else 0.25),
                nn.Dropout(dropout),
            ]
        self.backbone = nn.Sequential(*layers, nn.Linear(width, 1, bias=False))

    def forward(self, landmarks: Float[Tensor, "N 68 3"]) -> Float[Tensor, " N"]:
        """Return one score a frame."""
        return self.backbone(landmarks.flatten(1)).squeeze(1)
