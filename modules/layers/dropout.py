"""Dropout with numbers drawn in one go; on a processor torch's own draws them one by one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, a third of its time on a processor."""

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the input with some of it 0 and the rest scaled up, while training."""
        if not self.training or self.p == 0 or input.device.type != "cpu":
            return super().forward(input)
        kept = torch.rand_like(input, dtype=torch.float32).ge_(self.p).mul_(1 / (1 - self.p) if self.p < 1 else 0.0)
        return input * kept.to(input.dtype)
