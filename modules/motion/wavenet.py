"""Gated convolutions steered by a condition, as in WaveNet."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class WaveNet(nn.Module):
    """Stack gated convolutions; every layer sees the condition, every layer adds to the output.

    Args:
        hidden: Channels throughout.
        kernel: Taps of each convolution (odd).
        layers: How many.
        condition: Channels of the condition.
        dropout: Chance that an activation is dropped before its gate.
        dilation: Each layer's taps lie this many times further apart than those of the layer before.

    Shapes:
        x: (B, hidden, T). mask: (B, 1, T), 1 where real. condition: (B, condition, T). returns: (B, hidden, T).
    """

    def __init__(
        self, hidden: int, kernel: int, layers: int, condition: int, dropout: float = 0.0, *, dilation: int = 1
    ) -> None:
        super().__init__()
        self.hidden = hidden
        spread = [dilation**i for i in range(layers)]
        self.reach = kernel // 2 * sum(spread)
        """How many steps before and after its own an output depends on."""
        self.in_layers = nn.ModuleList(
            weight_norm(nn.Conv1d(hidden, 2 * hidden, kernel, padding=kernel // 2 * d, dilation=d)) for d in spread
        )
        self.res_skip_layers = nn.ModuleList(
            weight_norm(nn.Conv1d(hidden, 2 * hidden if i < layers - 1 else hidden, 1)) for i in range(layers)
        )
        self.cond_layer = weight_norm(nn.Conv1d(condition, 2 * hidden * layers, 1))
        self.drop = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B hidden T"], mask: Float[Tensor, "B 1 T"], condition: Float[Tensor, "B condition T"]
    ) -> Float[Tensor, "B hidden T"]:
        """Return the sum of all layers' skip outputs, masked."""
        steering = self.cond_layer(condition).chunk(len(self.in_layers), dim=1)
        skipped = torch.zeros_like(x)
        last = len(self.in_layers) - 1
        for i, (gate, mix) in enumerate(zip(self.in_layers, self.res_skip_layers, strict=True)):
            signal, opening = (self.drop(gate(x)) + steering[i]).chunk(2, dim=1)
            out = mix(torch.tanh(signal) * torch.sigmoid(opening))
            if i == last:
                return (skipped + out) * mask
            x = (x + out[:, : self.hidden]) * mask
            skipped = skipped + out[:, self.hidden :]
        raise AssertionError("a WaveNet has at least one layer")
