"""Hear a voice, say the face feature of its owner: the convolutional voice encoder of Speech2Face."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph

BANDS = 257
"""Frequencies of the spectrogram: 512-point transform."""
CHANNELS = (64, 64, 128, 128, 128, 256, 512, 512, 512)
POOLED = (3, 4, 5, 6)
"""Layers that halve the time axis."""
MIN_FRAMES = 259
"""Shorter spectrograms (2.6 s) vanish in the strides."""


class VoiceEncoder(nn.Module):
    """Encode a spectrogram of any length as a face feature; parameter names and order are the published ones.

    Each layer is convolution, ReLU, batch norm, without padding; time is averaged before the last batch norm.

    Args:
        width: Factor on all hidden channels; 1 is the published network (148 million parameters).
        feature_dim: Length of the face feature.
        recompute: Keep only each layer's input for the backward pass and compute the rest again: a third of the
            memory for a quarter more time. Gradients and batch statistics are the same.

    Shapes:
        spectrogram: (B, 2, 257, T) float32, T >= 259 frames of 10 ms.
        returns: (B, feature_dim) float32, not negative.
    """

    def __init__(self, *, width: float = 1.0, feature_dim: int = 4096, recompute: bool = False) -> None:
        super().__init__()
        self.recompute = recompute
        channels = [2, *(max(4, round(c * width)) for c in CHANNELS)]
        hidden = max(16, round(4096 * width))
        for number in range(1, 10):
            stride = 2 if number >= 8 else 1
            parts: list[nn.Module] = [nn.Conv2d(channels[number - 1], channels[number], 4, stride)]
            if number == 9:
                parts.append(nn.AdaptiveAvgPool2d((None, 1)))
            parts += [nn.ReLU(inplace=True), nn.BatchNorm2d(channels[number])]
            if number in POOLED:
                parts.append(nn.MaxPool2d((1, 2)))
            self.add_module(f"layer{number}", nn.Sequential(*parts))
        self.layer10 = nn.Sequential(nn.Flatten(), nn.Linear(57 * channels[9], hidden), nn.ReLU())
        self.layer11 = nn.Sequential(nn.Linear(hidden, feature_dim), nn.ReLU())

    def hidden(self, spectrogram: Float[Tensor, "B 2 257 T"]) -> Float[Tensor, "B channels 57 1"]:
        """Return what the convolutions say, before the two linear layers."""
        x = spectrogram
        for number in range(1, 10):
            layer = self.get_submodule(f"layer{number}")
            if self.recompute and self.training and torch.is_grad_enabled():
                x = checkpoint(layer, x, use_reentrant=False, context_fn=_Contexts(layer))
            else:
                x = layer(x)
        return x

    def forward(self, spectrogram: Float[Tensor, "B 2 257 T"]) -> Float[Tensor, "B feature"]:
        """Encode; see the class."""
        return self.layer11(self.layer10(self.hidden(spectrogram)))

    def onnx_graph(self) -> Graph:
        """Return the network as an ONNX graph: `spectrogram` (batch, 2, 257, frames) -> `feature`."""
        builder, x = GraphBuilder(), "spectrogram"
        for number in range(1, 12):
            x = builder.layer(self.get_submodule(f"layer{number}"), x)
        width = self.layer11[0].out_features
        assert isinstance(width, int)
        return builder.graph({"spectrogram": ("batch", 2, BANDS, "frames")}, {"feature": (x, ("batch", width))})


class _Contexts:
    """Give `checkpoint` the contexts of the first and of the second computation of a layer."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __call__(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(self.layer)


@contextmanager
def _statistics_kept(layer: nn.Module) -> Iterator[None]:
    """Let batch norms see their batch without counting it a second time."""
    norms = [module for module in layer.modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
