"""Speech straight to landmarks: the likeliest motion, without a latent in between."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class DirectBlock(nn.Module):
    """Convolve with spread taps, normalise, tune, rectify, drop, and add the input: (B, C, T) -> the same."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(
        self, x: Float[Tensor, "B C T"], tuning: Float[Tensor, "2 B C 1"] | None = None
    ) -> Float[Tensor, "B C T"]:
        """Return the input with what it says of its surroundings added; `tuning` is a talker's scale and shift."""
        if tuning is None:
            return x + self.body(x)
        convolve, normalise, rectify, drop = self.body
        scale, shift = tuning
        return x + drop(rectify(normalise(convolve(x)) * (1 + scale) + shift))


class DirectPath(nn.Module):
    """Predict the landmarks of every frame from the speech around it.

    Args:
        audio_dim: Width of the speech beside one frame.
        width: Channels.
        blocks: Each hears twice as far as the one before; five hear 1.3 s either way.
        dropout: In every block.
        outputs: Values predicted for a frame.

    Shapes:
        audio: (B, audio_dim, T) float32 in standard units. mask: (B, 1, T), 1 where real. returns: (B, outputs, T).
    """

    def __init__(
        self, audio_dim: int, width: int, *, blocks: int = 5, dropout: float = 0.2, outputs: int = 68 * 3
    ) -> None:
        super().__init__()
        self.reach = 1 + sum(2**i for i in range(blocks))
        """How many frames before and after its own a prediction depends on."""
        self.first = nn.Conv1d(audio_dim, width, 3, padding=1)
        self.blocks = nn.ModuleList(DirectBlock(width, 2**i, dropout) for i in range(blocks))
        self.last = nn.Conv1d(width, outputs, 1)

    def start_at(self, landmarks: Tensor) -> None:
        """Begin with these landmarks (68, 3) as the answer to everything."""
        assert self.last.bias is not None
        with torch.no_grad():
            self.last.weight.zero_()
            self.last.bias.copy_(landmarks.flatten())

    def forward(
        self,
        audio: Float[Tensor, "B audio T"],
        mask: Float[Tensor, "B 1 T"],
        tuning: Float[Tensor, "blocks 2 B C 1"] | None = None,
    ) -> Float[Tensor, "B outputs T"]:
        """Return the likeliest landmarks, of everybody's or as `tuning` has a talker's (`Talkers`)."""
        x = self.first(audio * mask) * mask
        for number, block in enumerate(self.blocks):
            x = block(x, None if tuning is None else tuning[number]) * mask
        return self.last(x)
