"""What processes that train together (torchrun) have to tell each other, so that they learn as one."""

from __future__ import annotations

import torch
import torch.distributed
from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm

from utils.processes.world import world

LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Socket Timeout", "Timed out waiting")
"""What is said where another process is gone."""


class SharedNorm(_BatchNorm):
    """A batch norm whose statistics while training are those of the batches of all processes.

    torch's own `SyncBatchNorm` does the same on GPUs alone, and is no batch norm any more for who looks for one.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, ...)."""
        if not (self.training and torch.distributed.is_initialized()):
            return super().forward(x)
        self._check_input_dim(x)
        axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            count = values.new_tensor([values.numel() / values.shape[1]])
            sums = all_reduce(torch.cat([values.sum(axes), count]))
            mean, total = sums[:-1] / sums[-1], sums[-1]
            centred = values - mean.view(shape)
            variance = all_reduce(centred.square().sum(axes)) / total
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


class ShareNorms(LayerSync):
    """Let the batch norms of a task share their statistics; they stay the objects that they are."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Begin to share."""
        for module in model.modules():
            if isinstance(module, _BatchNorm) and not isinstance(module, SharedNorm):
                alone = type(module)
                module.__class__ = type(f"Shared{alone.__name__}", (SharedNorm, alone), {"alone": alone})
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Be each alone again."""
        for module in model.modules():
            if isinstance(module, SharedNorm):
                module.__class__ = module.alone  # type: ignore[assignment]
        return model


def is_lost(error: BaseException) -> bool:
    """Tell whether an error says that another of several processes is gone."""
    return world().size > 1 and (
        isinstance(error, torch.distributed.DistError) or any(words in str(error) for words in LOST)
    )
