"""Shift latents to noise and back, exactly, as the speech says."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from modules.motion.wavenet import WaveNet


class Coupling(nn.Module):
    """Shift one half of the channels by a function of the other half: exactly invertible, volume kept."""

    def __init__(self, channels: int, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.split = channels // 2
        self.pre = nn.Conv1d(self.split, hidden, 1)
        self.enc = WaveNet(hidden, kernel, layers, condition)
        self.post = nn.Conv1d(hidden, self.split, 1)
        nn.init.zeros_(self.post.weight)
        if self.post.bias is not None:
            nn.init.zeros_(self.post.bias)

    def forward(
        self,
        x: Float[Tensor, "B C T"],
        mask: Float[Tensor, "B 1 T"],
        condition: Float[Tensor, "B condition T"],
        *,
        reverse: bool = False,
    ) -> Float[Tensor, "B C T"]:
        """Shift, or with `reverse` shift back: (B, channels, T) -> the same."""
        kept, moved = x[:, : self.split], x[:, self.split :]
        shift = self.post(self.enc(self.pre(kept) * mask, mask, condition)) * mask
        moved = (moved - shift) * mask if reverse else shift + moved * mask
        return torch.cat([kept, moved], dim=1)


class Flip(nn.Module):
    """Reverse the channels, so that the next coupling moves the other half."""

    def forward(
        self,
        x: Float[Tensor, "B C T"],
        mask: Float[Tensor, "B 1 T"],
        condition: Float[Tensor, "B condition T"],
        *,
        reverse: bool = False,
    ) -> Float[Tensor, "B C T"]:
        """Return the channels in the opposite order."""
        return x.flip(1)


class PriorFlow(nn.Module):
    """Map latents to Gaussian noise given the speech, and noise back to latents.

    Shapes:
        z: (B, channels, T/4). mask: (B, 1, T/4). condition: (B, condition, T/4). returns: as z.
    """

    def __init__(self, channels: int, hidden: int, kernel: int, blocks: int, layers: int, condition: int) -> None:
        super().__init__()
        pairs = ((Coupling(channels, hidden, kernel, layers, condition), Flip()) for _ in range(blocks))
        self.flows = nn.ModuleList(module for pair in pairs for module in pair)

    def forward(
        self,
        z: Float[Tensor, "B C T"],
        mask: Float[Tensor, "B 1 T"],
        condition: Float[Tensor, "B condition T"],
        *,
        reverse: bool = False,
    ) -> Float[Tensor, "B C T"]:
        """Run the flow forwards (latents to noise) or in reverse (noise to latents)."""
        for flow in reversed(self.flows) if reverse else self.flows:
            z = flow(z, mask, condition, reverse=reverse)
        return z
