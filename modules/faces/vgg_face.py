"""VGG-Face 16: the frozen face encoder, readable from both layouts it was published in, and trainable anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph

CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
POOLED = (2, 4, 7, 10, 13)
"""Layers after which the picture is halved."""
INPUTS = ("rgb01", "bgr_mean")
BGR_MEAN = (93.594, 104.762, 129.186)
InputKind = Literal["rgb01", "bgr_mean"]
RowOrder = Literal["chw", "hwc"]


class VggFace(nn.Module):
    """Thirteen 3 x 3 convolutions and three linear layers; the last but one gives the face feature.

    Args:
        classes: Persons of the last layer.
        feature_dim: Length of the face feature.
        size: Side of the picture in pixels, a multiple of 32.
        width: Factor on the convolutions' channels.
        batch_norm: Normalise after each convolution, which training from nothing needs; the published weights do not.
        inputs: What the weights expect: RGB in 0..1 (`rgb01`, as the published decoder was trained), or BGR in 0..255
            less the data's mean (`bgr_mean`, as the Oxford weights were).

    Shapes:
        images: (B, 3, size, size) float32 RGB in 0..1, whatever `inputs` is.
        returns: (B, feature_dim) float32, not negative.
    """

    def __init__(
        self, classes: int = 2622, *, feature_dim: int = 4096, size: int = 224, width: float = 1.0,
        batch_norm: bool = False, inputs: InputKind = "rgb01",
    ) -> None:  # fmt: skip
        super().__init__()
        self.inputs, self.size, self.feature_dim = inputs, size, feature_dim
        channels = [3, *(max(4, round(c * width)) for c in CHANNELS)]
        parts: list[nn.Module] = []
        for number in range(1, 14):
            parts.append(nn.Conv2d(channels[number - 1], channels[number], 3, padding=1, bias=not batch_norm))
            if batch_norm:
                parts.append(nn.BatchNorm2d(channels[number]))
            parts.append(nn.ReLU(inplace=True))
            if number in POOLED:
                parts.append(nn.MaxPool2d(2))
        self.convolutions = nn.Sequential(*parts)
        self.fc6 = nn.Linear(channels[-1] * (size // 32) ** 2, feature_dim)
        self.fc7 = nn.Linear(feature_dim, feature_dim)
        self.fc8 = nn.Linear(feature_dim, classes)
        if batch_norm:  # without it the published initialisation hardly learns; with it this one is the usual
            for module in self.convolutions.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B feature"]:
        """Return the face feature."""
        if self.inputs == "bgr_mean":
            images = 255 * images.flip(1) - images.new_tensor(BGR_MEAN)[:, None, None]
        x = self.convolutions(images).flatten(1)
        return torch.relu(self.fc7(torch.relu(self.fc6(x))))

    def last_layer(self, feature: Float[Tensor, "B feature"]) -> Float[Tensor, "B classes"]:
        """Return the logits over persons of a face feature, which need not come from a picture."""
        return self.fc8(feature)

    def onnx_graph(self) -> Graph:
        """Return the network up to the face feature as an ONNX graph: `images` (batch, 3, size, size) -> `feature`."""
        builder, x = GraphBuilder(), "images"
        if self.inputs == "bgr_mean":
            x = builder.add("Gather", [x, builder.constant([2, 1, 0], dtype=np.int64)], axis=1)
            x = builder.add("Mul", [x, builder.constant(255.0)])
            x = builder.add("Sub", [x, builder.constant(np.array(BGR_MEAN)[:, None, None])])
        for layer in (self.convolutions, nn.Flatten(), self.fc6, nn.ReLU(), self.fc7, nn.ReLU()):
            x = builder.layer(layer, x)
        shape = ("batch", 3, self.size, self.size)
        return builder.graph({"images": shape}, {"feature": (x, ("batch", self.feature_dim))})

    def load_published(self, state: Mapping[str, Tensor], *, fc6_rows: RowOrder = "chw") -> None:
        """Take weights in either published PyTorch layout: `layerN.M.weight` with linear or with 7 x 7 layers.

        Args:
            state: The 32 tensors; fc6 is (F, 25088) or (F, 512, 7, 7).
            fc6_rows: Order in which fc6 reads the last map. `hwc` mends files whose converter kept Keras's order
                though PyTorch flattens channel by channel.

        Raises:
            ValueError: Something is missing, left over or of another shape.
        """
        ours = published_names(state)
        for name in ("fc6", "fc7", "fc8"):
            weight = ours[f"{name}.weight"]
            ours[f"{name}.weight"] = weight.flatten(1) if weight.dim() == 4 else weight
        if fc6_rows == "hwc":
            ours["fc6.weight"] = with_rows_mended(ours["fc6.weight"], self.size)
        try:
            self.load_state_dict(ours)
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())[:400]) from None


def with_rows_mended(weight: Tensor, size: int) -> Tensor:
    """Reorder fc6 (F, N), which read the last map of a picture row by row, to read by channels.

    `size` is the side of that picture in pixels; N is 512 times (size / 32) squared.
    """
    grid = size // 32
    rows = weight.unflatten(1, (grid, grid, weight.shape[1] // grid**2))
    return rows.permute(0, 3, 1, 2).flatten(1)


def published_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename `layerN.M.weight` of either layout to ours; shapes stay, ValueError for a name that is in neither."""
    indices = [i for i, module in enumerate(VggFace(1, width=0.02, feature_dim=1).convolutions) if _is_conv(module)]
    names = {number: f"convolutions.{index}" for number, index in enumerate(indices, 1)}
    names |= {14: "fc6", 15: "fc7", 16: "fc8"}
    out = {}
    for key, value in state.items():
        match = re.fullmatch(r"layer(\d+)\.\d+\.(weight|bias)", key)
        if match is None or int(match[1]) not in names:
            raise ValueError(f"'{key}' is not a tensor of VGG-Face in a published layout (layer1.0.weight, ...)")
        out[f"{names[int(match[1])]}.{match[2]}"] = value
    return out


def from_keras(layers: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Turn Keras kernels into the published PyTorch layout, fc6 in PyTorch's order.

    Args:
        layers: (kernel, bias) of the 16 layers in order: 13 convolutions (H, W, in, out), then either dense layers
            (in, out), of which the first reads a 7 x 7 map row by row with the channels innermost, or convolutions.

    Raises:
        ValueError: There are not 16 layers.
    """
    if len(layers) != 16:
        raise ValueError(f"{len(layers)} layers with weights; VGG-Face has 16")
    state: dict[str, Tensor] = {}
    for number, (kernel, bias) in enumerate(layers, 1):
        if kernel.dim() == 2 and number == 14:
            channels = layers[12][0].shape[3]
            grid = round((kernel.shape[0] / channels) ** 0.5)
            kernel = kernel.unflatten(0, (grid, grid, channels))
        weight = kernel.permute(3, 2, 0, 1) if kernel.dim() == 4 else kernel.T
        state[f"layer{number}.0.weight"] = weight.flatten(1) if number >= 14 else weight.contiguous()
        state[f"layer{number}.0.bias"] = bias
    return state


def _is_conv(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d)
