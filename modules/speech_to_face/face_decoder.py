"""From a face feature to 68 landmarks and a texture, and to the face they make together."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph

TEXTURE_CHANNELS = (256, 128, 64, 32, 32)
_LIPS_72 = (*range(48, 55), 64, 63, 62, 61, 60, *range(54, 60), 48, 60, 67, 66, 65, 64)
"""Which of the 68 points the published points 48 to 71 are: top lip, then bottom lip, corners twice."""


class DecodedFace(NamedTuple):
    """landmarks (B, P, 2) in the network's own unit; texture (B, 3, S, S) RGB in 0..1; trunk (B, 2048 * width)."""

    landmarks: Tensor
    texture: Tensor
    trunk: Tensor


class FaceDecoder(nn.Module):
    """Decode a face feature; parameter names and order are the published ones.

    Args:
        feature_dim: Length of the face feature.
        points: Landmarks; the published network has 72 (with repeated lip corners, see `from_72`).
        size: Side of the texture in pixels, a multiple of 16.
        width: Factor on all hidden widths.

    Shapes:
        feature: (B, feature_dim) float32.
        returns: see `DecodedFace`.
    """

    def __init__(self, feature_dim: int = 4096, *, points: int = 68, size: int = 224, width: float = 1.0) -> None:
        super().__init__()

        def wide(channels: int) -> int:
            return max(4, round(channels * width))

        def dense(a: int, b: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(inplace=True))

        self.feature_dim, self.points, self.size, grid = feature_dim, points, size, size // 16
        trunk = wide(2048)
        self.pre_layers = nn.Sequential(dense(feature_dim, wide(3072)), dense(wide(3072), trunk))
        self.landmark_layers = nn.Sequential(
            dense(trunk, wide(1024)), dense(wide(1024), wide(512)), dense(wide(512), wide(256)),
            nn.Sequential(nn.Linear(wide(256), 2 * points)),
        )  # fmt: skip
        channels = [wide(c) for c in TEXTURE_CHANNELS]
        ups = [
            nn.Sequential(nn.ConvTranspose2d(a, b, 5, 2, padding=2, output_padding=1), nn.ReLU(inplace=True))
            for a, b in itertools.pairwise(channels)
        ]
        first = nn.Sequential(nn.Unflatten(1, (channels[0], grid, grid)), *ups[0])
        self.texture_layers = nn.Sequential(
            nn.Sequential(nn.Linear(trunk, channels[0] * grid * grid), nn.ReLU()), first, *ups[1:],
            nn.Sequential(nn.Conv2d(channels[-1], 3, 1), nn.Sigmoid()),
        )  # fmt: skip

    def trunk(self, feature: Float[Tensor, "B feature"]) -> Float[Tensor, "B trunk"]:
        """Return what both heads read; the decoder loss of the voice encoders compares this."""
        return self.pre_layers(feature)

    def forward(self, feature: Float[Tensor, "B feature"]) -> DecodedFace:
        """Decode; see the class."""
        trunk = self.trunk(feature)
        landmarks = self.landmark_layers(trunk).unflatten(1, (self.points, 2))
        return DecodedFace(landmarks, self.texture_layers(trunk), trunk)

    def onnx_graph(self) -> Graph:
        """Return the network as an ONNX graph: `feature` -> `landmarks`, `texture`."""
        builder = GraphBuilder()
        trunk = builder.layer(self.pre_layers, "feature")
        points = builder.constant([0, self.points, 2], dtype=np.int64)
        landmarks = builder.add("Reshape", [builder.layer(self.landmark_layers, trunk), points])
        texture = builder.layer(self.texture_layers, trunk)
        return builder.graph({"feature": ("batch", self.feature_dim)}, {
            "landmarks": (landmarks, ("batch", self.points, 2)),
            "texture": (texture, ("batch", 3, self.size, self.size)),
        })  # fmt: skip

    @torch.no_grad()
    def start_from(self, landmarks: Float[Tensor, "P 2"]) -> None:
        """Make the untrained network say these landmarks, whatever the feature, but for a little."""
        last = self.landmark_layers.get_submodule("3.0")
        assert isinstance(last, nn.Linear)
        last.weight.mul_(0.05)
        last.bias.copy_(landmarks.flatten())


def from_72(landmarks: Float[Tensor, "B 72 2"]) -> Float[Tensor, "B 68 2"]:
    """Order the published 72 points as the 68 of iBUG; points that stand twice are averaged."""
    order = [*range(48), *_LIPS_72]
    total = landmarks.new_zeros(len(landmarks), 68, 2)
    index = torch.tensor(order, device=landmarks.device)
    total = total.index_add(1, index, landmarks)
    count = torch.bincount(index, minlength=68).to(landmarks.dtype)
    return total / count[:, None]
