"""Describe a face by its shape and by the colours of its mean shape, and draw one of such a description: linearly."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from modules.face_space import folded
from modules.faces.face_warp import pixel_grid, warp_face
from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph
from modules.speech_to_face.face_decoder import DecodedFace

STILL = 48
"""Landmarks before the mouth's."""
SIDE = 48
"""Of the colours, in pixels."""
MIDDLE, REACH = (0.0, -0.05), (0.8, 0.95)
"""An ellipse, normalised, about the face and the hair next to it: what lies outside is where a photo was taken."""
SOFT = 1e-2
"""How little the warp heeds a single landmark that is off."""


class SpaceEncoder(nn.Module):
    """Say where a face lies along directions in which faces differ; the directions are worked out, they do not learn.

    A face is its shape, without the mouth, which moves, and its colours moved to the mean shape, so that eyes lie on
    eyes, without the background; of both the mean of the face and its mirror image.

    Args:
        feature_dim: How many directions.
        mean: Landmarks of the mean face (68, 2), normalised, the same left and right.
        mirror: Which landmark each becomes in a mirror, (68,).

    Shapes:
        images: (B, 3, H, W) float32 RGB in 0..1, square.
        landmarks: (B, 68, 2) normalised.
        returns: (B, feature_dim), of any sign.
    """

    mean: Tensor
    middle: Tensor
    directions: Tensor
    mirror: Tensor
    inside: Tensor

    def __init__(self, feature_dim: int, mean: Float[Tensor, "68 2"], mirror: Int[Tensor, 68]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("mirror", mirror, persistent=False)
        x, y = pixel_grid(SIDE, SIDE, torch.device("cpu")).unbind(2)
        far = ((x - MIDDLE[0]) / REACH[0]).square() + ((y - MIDDLE[1]) / REACH[1]).square()
        inside = (far < 1)[:, : SIDE // 2].flatten()
        self.register_buffer("inside", inside.repeat(3), persistent=False)
        length = 2 * STILL + int(inside.sum()) * 3
        self.register_buffer("middle", torch.zeros(length))
        self.register_buffer("directions", torch.zeros(length, feature_dim))

    def describe(
        self, images: Float[Tensor, "B 3 H W"], landmarks: Float[Tensor, "B 68 2"]
    ) -> tuple[Float[Tensor, "B _S"], Float[Tensor, "B _C"]]:
        """Return shapes and colours, in rows."""
        with torch.autocast(images.device.type, enabled=False):
            images, landmarks = images.float(), landmarks.float()
            if images.shape[-1] != SIDE:
                images = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
            colours = folded(warp_face(images, landmarks, self.mean.expand(len(images), -1, -1), ridge=SOFT))
            straight = (landmarks + landmarks[:, self.mirror] * landmarks.new_tensor([-1.0, 1.0])) / 2
            return shape_of(straight, self.mean).flatten(1), colours[:, self.inside]

    def forward(
        self, images: Float[Tensor, "B 3 H W"], landmarks: Float[Tensor, "B 68 2"]
    ) -> Float[Tensor, "B feature"]:
        """Return the face feature."""
        return (torch.cat(self.describe(images, landmarks), dim=1) - self.middle) @ self.directions


def shape_of(landmarks: Float[Tensor, "B 68 2"], mean: Float[Tensor, "68 2"]) -> Float[Tensor, "B 48 2"]:
    """Return how faces differ from the mean face: place and size taken out, and the mouth, which moves.

    Args:
        landmarks: In any unit, y down.
        mean: Of the mean face, in any unit, y down.
    """

    def plain(points: Tensor) -> Tensor:
        centred = points - points.mean(1, keepdim=True)
        return centred / centred.square().sum(2).mean(1)[:, None, None].sqrt()

    return plain(landmarks[:, :STILL]) - plain(mean[None, :STILL])


class SpaceDecoder(nn.Module):
    """Draw a face as a sum: what each number of the feature adds to the mean face's landmarks and colours.

    Args:
        feature_dim: Length of the face feature.
        size: Side of the texture in pixels.

    Shapes:
        feature: (B, feature_dim).
        returns: see `DecodedFace`; its trunk is the feature.
    """

    def __init__(self, feature_dim: int, *, size: int) -> None:
        super().__init__()
        self.feature_dim, self.size = feature_dim, size
        self.landmarks = nn.Linear(feature_dim, 2 * 68)
        self.texture = nn.Linear(feature_dim, 3 * size * size)

    def trunk(self, feature: Float[Tensor, "B feature"]) -> Float[Tensor, "B feature"]:
        """Return what both sums are of."""
        return feature

    def forward(self, feature: Float[Tensor, "B feature"]) -> DecodedFace:
        """Decode; see the class."""
        texture = self.texture(feature).unflatten(1, (3, self.size, self.size)).clamp(0, 1)
        return DecodedFace(self.landmarks(feature).unflatten(1, (68, 2)), texture, feature)

    def onnx_graph(self) -> Graph:
        """Return the network as an ONNX graph: `feature` -> `landmarks`, `texture`."""
        builder = GraphBuilder()
        sizes = {"landmarks": [-1, 68, 2], "texture": [-1, 3, self.size, self.size]}
        outputs = {}
        for name, layer in (("landmarks", self.landmarks), ("texture", self.texture)):
            shape = builder.constant(sizes[name], f"{name}.sizes", np.int64)
            outputs[name] = builder.add("Reshape", [builder.layer(layer, "feature"), shape])
        ends = [builder.constant(value, f"end.{value}") for value in (0.0, 1.0)]
        outputs["texture"] = builder.add("Clip", [outputs["texture"], *ends])
        return builder.graph(
            {"feature": ("batch", self.feature_dim)},
            {name: (value, ("batch", *sizes[name][1:])) for name, value in outputs.items()},
        )
