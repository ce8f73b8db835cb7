"""What is each talker's own beside a network that all share: a vector, which tunes every block."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

STRANGER = -1
"""Number of a talker without a vector: the network as all have it in common."""


class Talkers(nn.Module):
    """Tune the channels of every block for one talker each: x -> x (1 + scale) + shift.

    A stranger's vector is zero, and so are scale and shift. At first everybody is tuned like a stranger.

    Args:
        count: Talkers.
        size: Values of a talker's vector.
        width: Channels of a block.
        blocks: Blocks.

    Shapes:
        talker: (B,) int64, 0 to count - 1, or STRANGER. returns: (blocks, 2, B, width, 1): scales and shifts.
    """

    def __init__(self, count: int, size: int, width: int, blocks: int) -> None:
        super().__init__()
        self.blocks, self.width = blocks, width
        self.vectors = nn.Embedding(count, size)
        self.tune = nn.Linear(size, blocks * 2 * width, bias=False)
        nn.init.zeros_(self.tune.weight)

    def forward(self, talker: Int[Tensor, " B"]) -> Float[Tensor, "blocks 2 B width 1"]:
        """Return how each block is tuned."""
        vectors = self.vectors(talker.clamp(min=0)) * (talker != STRANGER)[:, None]
        return self.tune(vectors).unflatten(1, (self.blocks, 2, self.width)).movedim(0, 2)[..., None]


def forget(talker: Int[Tensor, " B"], share: float) -> Int[Tensor, " B"]:
    """Make a share of talkers (B,) strangers at random, so that the network learns to do without their vectors."""
    return torch.where(torch.rand(talker.shape, device=talker.device) < share, STRANGER, talker)
