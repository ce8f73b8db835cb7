"""wav2pix: a face straight from a waveform. Names as in the published checkpoints, so that they can be read.

The generator hears with SEGAN's discriminator, draws with transposed convolutions under spectral norm, and an
auxiliary classifier keeps the voice's identity. The discriminator sees a face beside the voice it should belong to.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.layers.dropout import Dropout
from modules.layers.time_layers import TimeConv
from modules.onnx.export import GraphBuilder, convolution
from modules.onnx.format import Graph

HEARD = (16, 32, 128, 256, 512, 1024)
"""Channels of the speech encoder's blocks; each keeps a fourth of the samples."""
CODE = 128
"""Width of what is heard."""
DRAWN = {64: (512, 256, 128, 64), 128: (1024, 512, 256, 128, 64)}
"""Picture side -> channels from 4 x 4 upwards."""
GLANCED = (32, 64, 128)
"""Channels of the pose encoder's blocks; each halves a picture of 32 pixels."""


def drawn_channels(size: int, width: float) -> tuple[int, ...]:
    """Return the channels of a network for pictures of `size`: `width` times the published ones, in sixteens."""
    return tuple(16 * max(1, round(channels * width / 16)) for channels in DRAWN[size])


Matching = Literal["concat", "projection"]
Norm = Literal["spectral", "group"]


class Made(NamedTuple):
    """A generator's answer: images (B, 3, S, S) within [-1, 1], code (B, 128, 1, 1), scores (B, classes).

    `usual` is the pose (B, P) that goes with the voice, where the generator knows of poses.
    """

    images: Tensor
    code: Tensor
    scores: Tensor
    usual: Tensor | None = None


class SpectralNorm(nn.Module):
    """Divide a convolution's weight by its largest singular value, estimated by one step of power iteration a call.

    The first dimension is the rows of the matrix, for transposed convolutions too. The estimate is kept while
    training only, so that in eval mode equal inputs give equal outputs.
    """

    def __init__(self, module: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        weight = module.weight.detach().clone()
        self.module = module
        del module.weight
        rows = weight.flatten(1)
        module.weight_u = nn.Parameter(F.normalize(torch.randn(len(rows)), dim=0), requires_grad=False)
        module.weight_v = nn.Parameter(F.normalize(torch.randn(rows.shape[1]), dim=0), requires_grad=False)
        module.weight_bar = nn.Parameter(weight)

    def norm(self) -> Tensor:
        """Return the largest singular value of the weight, ()."""
        module = self.module
        bar, kept_u, kept_v = module.weight_bar, module.weight_u, module.weight_v
        assert isinstance(bar, Tensor)
        assert isinstance(kept_u, Tensor)
        assert isinstance(kept_v, Tensor)
        with torch.autocast(bar.device.type, enabled=False):
            rows = bar.flatten(1)
            with torch.no_grad():
                v = F.normalize(rows.T @ kept_u, dim=0, eps=1e-12)
            along = rows @ v
            u = F.normalize(along.detach(), dim=0, eps=1e-12)
            if self.training:
                kept_u.copy_(u)
                kept_v.copy_(v)
            return u @ along

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B _C _H _W"]:
        """Convolve; what comes out is divided, which is less work than dividing the weight."""
        module = self.module
        convolve = F.conv_transpose2d if isinstance(module, nn.ConvTranspose2d) else F.conv2d
        out = convolve(x, module.weight_bar, None, module.stride, module.padding)  # type: ignore[operator,arg-type]
        return out / self.norm().to(out.dtype)

    def onnx(self, builder: GraphBuilder, x: str) -> str:
        """Write itself into an ONNX graph, the norm within the weight."""
        op = "ConvTranspose" if isinstance(self.module, nn.ConvTranspose2d) else "Conv"
        weight = self.module.get_parameter("weight_bar") / self.norm()
        return builder.add(op, [x, *builder.weights({"weight": weight})], **convolution(self.module))


class GroupNorm(nn.GroupNorm):
    """torch's own, written into ONNX by what opset 13 has."""

    def onnx(self, builder: GraphBuilder, x: str) -> str:
        """Write itself into an ONNX graph."""
        groups = builder.add("Reshape", [x, builder.constant([0, self.num_groups, -1], dtype=np.int64)])
        plain = [builder.constant([value] * self.num_groups) for value in (1.0, 0.0)]
        even = builder.add("InstanceNormalization", [groups, *plain], epsilon=self.eps)
        even = builder.add("Reshape", [even, builder.add("Shape", [x])])
        scale, shift = builder.weights({name: value.view(-1, 1, 1) for name, value in self.named_parameters()})
        return builder.add("Add", [builder.add("Mul", [even, scale]), shift])


class _Heard(nn.Module):
    """One block of the speech encoder."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = TimeConv(inputs, outputs, 15, 4)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Float[Tensor, "B C S"]) -> Float[Tensor, "B _C _S"]:
        return F.leaky_relu(self.bn(self.conv(F.pad(x, (6, 7)))), 0.3)

    def onnx(self, builder: GraphBuilder, x: str) -> str:
        padded = builder.add("Pad", [x, builder.constant([0, 0, 6, 0, 0, 7], dtype=np.int64)])
        return builder.layer(nn.Sequential(self.conv, self.bn, nn.LeakyReLU(0.3)), padded)


def heard_steps(samples: int) -> int:
    """Return how many time steps the speech encoder leaves of so many samples.

    Raises:
        ValueError: There are too few samples.
    """
    steps = samples
    for _ in HEARD:
        steps = (steps - 2) // 4 + 1
    if steps < 1:
        raise ValueError(f"{samples} samples are too few; give at least {4 ** len(HEARD)}")
    return steps


class SpeechEncoder(nn.Module):
    """Hear a waveform of fixed length.

    Args:
        samples: Length of the waveform, 16 000 a second.

    Shapes:
        wav: (B, samples).
        returns: (B, 128).
    """

    def __init__(self, samples: int = 16_000) -> None:
        super().__init__()
        self.disc = nn.Sequential(*(_Heard(a, b) for a, b in zip((1, *HEARD), HEARD)))
        flat = heard_steps(samples) * HEARD[-1]
        self.fc = nn.Sequential(nn.Linear(flat, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, CODE))

    def forward(self, wav: Float[Tensor, "B S"]) -> Float[Tensor, "B 128"]:
        """Return codes."""
        return self.fc(self.disc(wav[:, None]).flatten(1))


class IdentityClassifier(nn.Module):
    """Tell the speaker from what was heard: (B, 128) -> (B, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(CODE, 200), nn.BatchNorm1d(200), nn.LeakyReLU(0.2),
            nn.Linear(200, classes), nn.BatchNorm1d(classes),
        )  # fmt: skip

    def forward(self, code: Float[Tensor, "B 128"]) -> Float[Tensor, "B K"]:
        """Return scores."""
        return self.net(code)


class Generator(nn.Module):
    """Draw a face of a voice.

    Args:
        size: 64 or 128.
        classes: Speakers.
        samples: Length of the waveform.
        dropout: Chance that an activation is dropped while training.
        width: Channels over the published ones.
        norm: What keeps activations in bounds: `spectral`, as published, holds every layer's gain below 1, so that a
            picture gets its contrast slowly; `group` divides them by their own spread.
        pose_dim: Length of the vector that says what a voice does not tell; 0 for none, as published.

    Shapes:
        wav: (B, samples) normalised and pre-emphasised.
        pose: (B, pose_dim); without it the voice's usual one.
    """

    def __init__(
        self, size: int = 64, classes: int = 10, samples: int = 16_000, dropout: float = 0.5, width: float = 1.0,
        norm: Norm = "spectral", pose_dim: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.samples = size, samples
        self.audio_embedding = SpeechEncoder(samples)
        self.aux_classifier = IdentityClassifier(classes)
        channels = (CODE, *drawn_channels(size, width), 3)
        blocks = []
        for order, (inputs, outputs) in enumerate(pairwise(channels)):
            stride, padding = (1, 0) if order == 0 else (2, 1)
            plain = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=norm == "group")
            grow: list[nn.Module] = [SpectralNorm(plain) if norm == "spectral" else plain]
            if outputs != 3 and norm == "group":
                grow.append(GroupNorm(outputs // 16, outputs))
            bend = nn.ReLU() if norm == "spectral" else nn.LeakyReLU(0.2)
            blocks.append(grow if outputs == 3 else [*grow, Dropout(dropout), bend])
        head = 1 if size == 64 else 2
        first = [layer for block in blocks[:head] for layer in block]
        rest = [layer for block in blocks[head:] for layer in block]
        self.netG = nn.Sequential(*first, nn.Sequential(*rest), nn.Tanh())
        self.apply(_narrow)
        self.pose_dim = pose_dim
        if pose_dim:
            self.usual_pose, self.posed = nn.Linear(CODE, pose_dim), nn.Linear(pose_dim, CODE, bias=False)

    def forward(self, wav: Float[Tensor, "B S"], pose: Float[Tensor, "B P"] | None = None) -> Made:
        """Return faces, what was heard, and who it might be."""
        code = self.audio_embedding(wav)
        wanted, usual = code, None
        if self.pose_dim:
            usual = self.usual_pose(code)
            wanted = code + self.posed(usual if pose is None else pose)
        return Made(self.netG(wanted[:, :, None, None]), code[:, :, None, None], self.aux_classifier(code), usual)

    def onnx_graph(self) -> Graph:
        """Return the generator as an ONNX graph: `wav` (batch, samples) -> `images`, `scores`."""
        builder = GraphBuilder()
        x = builder.add("Unsqueeze", ["wav", builder.constant([1], dtype=np.int64)])
        for part in (self.audio_embedding.disc, nn.Flatten(), self.audio_embedding.fc):
            x = builder.layer(part, x)
        wanted = x
        if self.pose_dim:
            wanted = builder.add("Add", [x, builder.layer(nn.Sequential(self.usual_pose, self.posed), x)])
        square = builder.add("Unsqueeze", [wanted, builder.constant([2, 3], dtype=np.int64)])
        images, scores = builder.layer(self.netG, square), builder.layer(self.aux_classifier.net, x)
        classes = self.aux_classifier.net[3].out_features
        assert isinstance(classes, int)
        return builder.graph({"wav": ("batch", self.samples)}, {
            "images": (images, ("batch", 3, self.size, self.size)), "scores": (scores, ("batch", classes)),
        })  # fmt: skip


class PoseEncoder(nn.Module):
    """See of a face, shrunk to 32 pixels, what its voice does not tell: where it looks, what is behind it.

    Shapes:
        images: (B, 3, S, S) within [-1, 1].
        returns: mean and logarithm of the variance of a normal distribution, (B, P) each.
    """

    def __init__(self, pose_dim: int) -> None:
        super().__init__()
        blocks = [[nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)] for a, b in pairwise((3, *GLANCED))]
        last = [nn.Flatten(), nn.Linear(GLANCED[-1] * 16, 2 * pose_dim)]
        self.net = nn.Sequential(*(layer for block in [*blocks, last] for layer in block))

    def forward(self, images: Float[Tensor, "B 3 S S"]) -> tuple[Float[Tensor, "B P"], Float[Tensor, "B P"]]:
        """Return the distribution's mean and the logarithm of its variance."""
        small = F.interpolate(images, size=(32, 32), mode="bilinear", antialias=True, align_corners=False)
        mean, spread = self.net(small).float().chunk(2, dim=1)
        return mean, spread.clamp(-8, 2)


class Discriminator(nn.Module):
    """Judge whether a face is real and belongs to a voice.

    Args:
        size: 64 or 128.
        matching: `concat`: one convolution sees features and code side by side, as published. It adds what it thinks
            of either, and a sum cannot tell whether the two belong together. `projection` (Miyato and Koyama, 2018)
            multiplies them: the features are also weighed by what was heard.
        width: Channels over the published ones.

    Shapes:
        images: (B, 3, S, S) within [-1, 1].
        code: (B, 128, 1, 1), what the generator heard.
        returns: scores (B,), 1 for real, and features (B, C, 4, 4).
    """

    def __init__(self, size: int = 64, matching: Matching = "concat", width: float = 1.0) -> None:
        super().__init__()
        self.matching = matching
        channels = (3, *reversed(drawn_channels(size, width)))
        blocks = [
            [SpectralNorm(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2)]
            for inputs, outputs in pairwise(channels)
        ]
        first = [layer for block in blocks[:4] for layer in block]
        rest = [layer for block in blocks[4:] for layer in block]
        self.netD_1 = nn.Sequential(nn.Sequential(*first), *rest) if rest else nn.Sequential(*first)
        self.netD_2 = nn.Conv2d(channels[-1] + (CODE if matching == "concat" else 0), 1, 4, bias=False)
        if matching == "projection":
            self.heard = nn.Linear(CODE, channels[-1])
        self.apply(_narrow)

    def forward(
        self, images: Float[Tensor, "B 3 S S"], code: Float[Tensor, "B 128 1 1"]
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "B C 4 4"]]:
        """Return scores and features."""
        features = self.netD_1(images)
        if self.matching == "projection":
            weights = self.heard(F.normalize(code.flatten(1), dim=1))
            match = (weights * features.mean(dim=(2, 3))).sum(dim=1)
            return self.netD_2(features).flatten() + match, features
        return self.netD_2(torch.cat([features, code.expand(-1, -1, 4, 4)], dim=1)).flatten(), features


def _narrow(module: nn.Module) -> None:
    """Start what is not spectral-normed at N(0, 0.02), BN at N(1, 0.02)."""
    if isinstance(module, nn.Conv1d | nn.Linear | nn.Conv2d) and hasattr(module, "weight"):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm1d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def shift_and_tint(images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 3 S S"]:
    """Change brightness, saturation, contrast and place of each picture at random, differentiably.

    Given to real and made pictures alike before the discriminator, it keeps a small set from being learnt by heart.
    Random numbers come from torch's own state.
    """
    count, _, size, _ = images.shape
    dice = torch.rand(3, count, 1, 1, 1, device=images.device)
    x = images + (dice[0] - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * (2 * dice[1])
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (0.5 + dice[2])
    reach = size // 8
    moves = torch.randint(-reach, reach + 1, (2, count, 1), device=images.device)
    places = torch.arange(size, device=images.device)[None] + reach
    rows, columns = places + moves[0], places + moves[1]
    padded = F.pad(x, (reach,) * 4)
    batch = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
