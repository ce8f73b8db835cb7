"""Convolution and batch norm over time that keep the channels of a moment together in memory.

They take and give (B, C, T) like torch's own, with the same parameters under the same names, but read and write it as
if it were (B, T, C) laid out row by row, which processors like better: `x.transpose(1, 2)` of a contiguous (B, T, C)
costs nothing and comes in right. Any other layout is right too, only slower.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 4
"""With so few steps of time to give, a matrix product is quicker than a convolution."""


class TimeConv(nn.Conv1d):
    """Convolve over time: (B, C, T) -> (B, D, T')."""

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B D _T"]:
        """Return the convolved features."""
        (kernel,), (stride,), (dilation,) = self.kernel_size, self.stride, self.dilation
        assert not isinstance(self.padding, str)
        (padding,) = self.padding
        steps = (x.shape[2] + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        if steps <= FEW and dilation == 1 and self.groups == 1:
            rows = F.pad(x.transpose(1, 2), (0, 0, padding, padding)).unfold(1, kernel, stride)
            rows = rows.transpose(2, 3).reshape(-1, kernel * x.shape[1])  # two dimensions, or torch makes it a bmm
            out = F.linear(rows, self.weight.transpose(1, 2).flatten(1), self.bias)
            return out.unflatten(0, (-1, steps)).transpose(1, 2)
        out = F.conv2d(
            x.unsqueeze(2), self.weight.unsqueeze(2), self.bias, (1, stride), (0, padding), (1, dilation), self.groups
        )
        return out.squeeze(2)


class TimeNorm(nn.BatchNorm1d):
    """Normalise each channel over batch and time: (B, C, T) -> the same."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Take what `forward` hands on: (B, C, 1, T)."""
        assert input.dim() == 4, input.shape

    def forward(self, input: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        """Return the normalised features."""
        return super().forward(input.unsqueeze(2)).squeeze(2)
