"""Tell the face feature from what is measured of a voice: a line, and a small network that bends it."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn


class VoiceRegression(nn.Module):
    """Tell the face feature; before it learns, the part that is not linear says nothing.

    Args:
        measures: Length of what is measured.
        feature_dim: Length of the face feature.
        hidden: Width of the part that is not linear.

    Shapes:
        measured: (B, measures) float32.
        returns: (B, feature_dim), of any sign.
    """

    middle: Tensor
    spread: Tensor

    def __init__(self, measures: int, feature_dim: int, *, hidden: int = 256) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(measures))
        self.register_buffer("spread", torch.ones(measures))
        self.straight = nn.Linear(measures, feature_dim)
        self.bent = nn.Sequential(
            nn.Linear(measures, hidden), nn.GELU(), nn.Dropout(0.5), nn.Linear(hidden, feature_dim)
        )
        last = cast(nn.Linear, self.bent[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def plain(self, measured: Float[Tensor, "B measures"]) -> Float[Tensor, "B measures"]:
        """Return what is measured in deviations from the mean voice."""
        return (measured - self.middle) / self.spread

    def forward(self, measured: Float[Tensor, "B measures"]) -> Float[Tensor, "B feature"]:
        """Return the face feature."""
        plain = self.plain(measured)
        return self.straight(plain) + self.bent(plain)
