"""Tell faces apart: networks that can be trained on any folder of labelled faces."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from modules.faces.vgg_face import InputKind, VggFace
from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph
from modules.speech_to_face.face_space import SpaceEncoder

NetworkKind = Literal["vgg16", "iresnet50", "vgg_face", "face_space"]
DEPTHS = (3, 4, 14, 3)
CHANNELS = (64, 64, 128, 256, 512)
PUBLISHED_CLASSES = 2622


class ResidualBlock(nn.Module):
    """Norm, convolution, norm, PReLU, strided convolution, norm; added to a strided copy of the input.

    Shapes:
        x: (B, channels_in, H, W).
        returns: (B, channels_out, H / stride, W / stride).
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels_in), nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out), nn.PReLU(channels_out),
            nn.Conv2d(channels_out, channels_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(channels_out),
        )  # fmt: skip
        self.short: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.short = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: Float[Tensor, "B c H W"]) -> Float[Tensor, "B d h w"]:
        """Add what the layers say to the input."""
        return self.body(x) + self.short(x)

    def onnx(self, builder: GraphBuilder, x: str) -> str:
        """Write itself into an ONNX graph."""
        return builder.add("Add", [builder.layer(self.body, x), builder.layer(self.short, x)])


class FaceResNet(nn.Module):
    """The residual network of face recognition (IResNet-50), with a feature that is not negative.

    Args:
        feature_dim: Length of the face feature.
        size: Side of the picture, a multiple of 16.
        width: Factor on the channels.

    Shapes:
        images: (B, 3, size, size) RGB in 0..1.
        returns: (B, feature_dim), not negative.
    """

    def __init__(self, *, feature_dim: int = 4096, size: int = 112, width: float = 1.0) -> None:
        super().__init__()
        self.size, self.feature_dim = size, feature_dim
        channels = [max(4, round(c * width)) for c in CHANNELS]
        parts: list[nn.Module] = [
            nn.Conv2d(3, channels[0], 3, padding=1, bias=False), nn.BatchNorm2d(channels[0]), nn.PReLU(channels[0])
        ]  # fmt: skip
        for stage, depth in enumerate(DEPTHS):
            for number in range(depth):
                before = channels[stage] if number == 0 else channels[stage + 1]
                parts.append(ResidualBlock(before, channels[stage + 1], 2 if number == 0 else 1))
        parts += [nn.BatchNorm2d(channels[-1]), nn.Flatten()]
        self.body = nn.Sequential(*parts)
        self.head = nn.Sequential(nn.Linear(channels[-1] * (size // 16) ** 2, feature_dim), nn.BatchNorm1d(feature_dim))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B feature"]:
        """Return the face feature."""
        return torch.relu(self.head(self.body(2 * images - 1)))

    def onnx_graph(self) -> Graph:
        """Return the network as an ONNX graph: `images` (batch, 3, size, size) -> `feature`."""
        builder = GraphBuilder()
        x = builder.add("Mul", ["images", builder.constant(2.0)])
        x = builder.add("Sub", [x, builder.constant(1.0)])
        for layer in (self.body, self.head, nn.ReLU()):
            x = builder.layer(layer, x)
        shape = ("batch", 3, self.size, self.size)
        return builder.graph({"images": shape}, {"feature": (x, ("batch", self.feature_dim))})


class FaceEncoder(nn.Module):
    """A face encoder with the last layer that told its training persons apart.

    Args:
        kind: `vgg16` (with batch norm, for training), `iresnet50`, `vgg_face` (as published, for its weights), or
            `face_space`, of which only the last layer learns.
        classes: Persons.
        feature_dim: Length of the face feature.
        size: Side of the picture that the network sees; others are resized to it.
        width: Factor on the channels.
        margin: CosFace margin; 0 is plain softmax.
        scale: CosFace scale, with a margin only.
        inputs: What published weights expect.
        space: The directions of `face_space`.

    Shapes:
        images: (B, 3, H, W) float32 RGB in 0..1, square.
        landmarks: (B, 68, 2) normalised; `face_space` alone needs them.
        returns: (B, feature_dim), not negative, but of `face_space`.
    """

    def __init__(
        self, kind: NetworkKind, classes: int, *, feature_dim: int = 4096, size: int = 224, width: float = 1.0,
        margin: float = 0.0, scale: float = 16.0, inputs: InputKind = "rgb01", space: SpaceEncoder | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kind, self.size, self.margin, self.scale = kind, size, margin, scale
        self.backbone: nn.Module
        if kind == "face_space":
            if space is None:
                raise ValueError("face_space wants its directions")
            self.backbone = space
        elif kind == "iresnet50":
            self.backbone = FaceResNet(feature_dim=feature_dim, size=size, width=width)
        else:
            self.backbone = VggFace(
                classes if kind == "vgg_face" else 1, feature_dim=feature_dim, size=size, width=width,
                batch_norm=kind == "vgg16", inputs=inputs,
            )  # fmt: skip
        self.head: nn.Linear | None = None
        if kind != "vgg_face":
            if kind == "vgg16":
                self.backbone.fc8 = nn.Identity()
            self.head = nn.Linear(feature_dim, classes, bias=margin == 0)

    def forward(
        self, images: Float[Tensor, "B 3 H W"], landmarks: Float[Tensor, "B 68 2"] | None = None
    ) -> Float[Tensor, "B feature"]:
        """Return the face feature."""
        if self.kind == "face_space":
            return self.backbone(images, landmarks)
        if images.shape[-1] != self.size:
            images = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        return self.backbone(images)

    def last_layer(self, feature: Float[Tensor, "B feature"]) -> Float[Tensor, "B classes"]:
        """Return the logits over the training persons."""
        if self.head is None:
            assert isinstance(self.backbone, VggFace)
            return self.backbone.last_layer(feature)
        if self.margin:
            return self.scale * F.linear(F.normalize(feature, dim=1), F.normalize(self.head.weight, dim=1))
        return self.head(feature)

    def classify(self, feature: Float[Tensor, "B feature"], person: Int[Tensor, B]) -> Float[Tensor, ""]:
        """Return the cross-entropy of the persons, the right one handicapped by the margin."""
        logits = self.last_layer(feature)
        if self.margin:
            logits = logits - self.margin * self.scale * F.one_hot(person, logits.shape[1])
        return F.cross_entropy(logits, person)
