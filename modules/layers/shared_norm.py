"""Batch norms whose statistics are those of all processes that train together."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _Sum(torch.autograd.Function):
    """Add up what all processes have; gradients are added up on their way back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.clone()
        torch.distributed.all_reduce(total)
        return total


class SharedNorm(_BatchNorm):
    """A batch norm whose statistics while training are those of the batches of all processes.

    torch's own `SyncBatchNorm` does the same on GPUs alone, and is no batch norm any more for who looks for one.
    """

    def forward(self, x: Float[Tensor, "B C *S"]) -> Float[Tensor, "B C *S"]:
        """Normalise (B, C, ...)."""
        if not (self.training and torch.distributed.is_initialized()):
            return super().forward(x)
        self._check_input_dim(x)
        axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            count = values.new_tensor([values.numel() / values.shape[1]])
            sums = _Sum.apply(torch.cat([values.sum(axes), count]))
            mean, total = sums[:-1] / sums[-1], sums[-1]
            centred = values - mean.view(shape)
            variance = _Sum.apply(centred.square().sum(axes)) / total
            self._remember(mean.detach(), variance.detach() * total / (total - 1).clamp(min=1))
            out = centred * (variance + self.eps).rsqrt().view(shape)
            if self.weight is not None:
                out = out * self.weight.float().view(shape) + self.bias.float().view(shape)
        return out.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def share_norms(model: nn.Module) -> nn.Module:
    """Let the batch norms of a network share their statistics; they stay the objects that they are."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, SharedNorm):
            alone = type(module)
            module.__class__ = type(f"Shared{alone.__name__}", (SharedNorm, alone), {"alone": alone})
    return model


def part_norms(model: nn.Module) -> nn.Module:
    """Let each batch norm of a network be alone again."""
    for module in model.modules():
        if isinstance(module, SharedNorm):
            module.__class__ = module.alone  # type: ignore[assignment]
    return model
