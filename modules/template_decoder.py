"""Rebuild a face from a recognition template: three decoders, a small critic, and the losses between pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.layers.prelu import PReLU
from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph

Kind = Literal["naive", "large", "fr", "light"]
CHANNELS: dict[str, tuple[int, ...]] = {
    "naive": (512, 384, 320, 256, 192, 128),
    "large": (1024, 1024, 512, 512, 256, 256),
    "fr": (512, 384, 320, 256, 192, 128),
    "light": (512, 384, 256, 128, 64, 32),
}
SIZES: dict[str, int] = {"naive": 128, "large": 128, "fr": 112, "light": 112}
"""Side of the picture that each decoder makes."""


Three = tuple[float, float, float]


class Doubling(nn.Module):
    """Twice as large a map: transposed convolution, BN, PReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        convolution = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
        self.block = nn.Sequential(convolution, nn.BatchNorm2d(outputs), PReLU())

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B _C _H _W"]:
        """Double the map."""
        return self.block(x)


class TemplateDecoder(nn.Module):
    """Make a face of a template.

    Args:
        kind: `naive` and `large` make 128 pixels, `fr` and `light` 112. `light` is ours: as wide as `fr` where maps are
            small and much narrower where they are large, which is where the time goes.
        width: Length of a template.
        mean, std: The layers give (colour - mean) / std of colours from 0 to 1.
        swap_red_blue: The layers give blue, green, red.

    Shapes:
        templates: (B, width).
        returns: (B, 3, S, S) RGB in [-1, 1] whatever the layers give, unbounded.
    """

    def __init__(
        self, kind: Kind = "fr", width: int = 512, *, mean: Three = (0.5,) * 3, std: Three = (0.5,) * 3,
        swap_red_blue: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.plain = mean == std == (0.5,) * 3 and not swap_red_blue
        self.swapped = swap_red_blue
        # Settings, not weights: they stay out of the checkpoint's state.
        self.register_buffer("scale", 2 * torch.tensor(std)[:, None, None], persistent=False)
        self.register_buffer("shift", 2 * torch.tensor(mean)[:, None, None] - 1, persistent=False)
        channels = CHANNELS[kind]
        self.decoder = nn.Sequential(*(Doubling(a, b) for a, b in zip((width, *channels), channels)))
        last = channels[-1]
        how = (4, 2, 8) if SIZES[kind] == 112 else (5, 2, 1, 1)
        grow = nn.ConvTranspose2d(last, last, *how)  # type: ignore[arg-type]
        self.final_layer = nn.Sequential(grow, nn.BatchNorm2d(last), PReLU(), nn.Conv2d(last, 3, 3))

    @property
    def width(self) -> int:
        """Return the length of a template."""
        return self.decoder[0].block[0].in_channels  # type: ignore[union-attr,index]

    def forward(self, templates: Float[Tensor, "B D"]) -> Float[Tensor, "B 3 S S"]:
        """Return pictures."""
        given = self.final_layer(self.decoder(templates[:, :, None, None]))
        if self.plain:
            return given
        pictures = given * cast(Tensor, self.scale) + cast(Tensor, self.shift)
        return pictures.flip(1) if self.swapped else pictures

    def in_own_units(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 3 S S"]:
        """Return RGB pictures in [-1, 1] as the layers give them: by `mean` and `std`, maybe blue first."""
        if self.plain:
            return pictures
        pictures = pictures.flip(1) if self.swapped else pictures
        return (pictures - cast(Tensor, self.shift)) / cast(Tensor, self.scale)

    def _last_layer(self) -> nn.Conv2d:
        """Return the last convolution with what makes RGB in [-1, 1] of its colours put into it."""
        own = cast(nn.Conv2d, self.final_layer[-1])
        if self.plain:
            return own
        scale, shift = (cast(Tensor, values).flatten() for values in (self.scale, self.shift))
        folded = nn.Conv2d(own.in_channels, 3, 3)
        with torch.no_grad():
            weight = own.weight * scale[:, None, None, None]
            bias = cast(Tensor, own.bias) * scale + shift
            folded.weight.copy_(weight.flip(0) if self.swapped else weight)
            folded.bias.copy_(bias.flip(0) if self.swapped else bias)  # type: ignore[union-attr]
        return folded

    def onnx_graph(self) -> Graph:
        """Return this decoder, in eval mode, as an ONNX graph: `input` (batch, width) -> `output`."""
        builder = GraphBuilder()
        x = builder.add("Reshape", ["input", builder.constant([0, self.width, 1, 1], "shape", np.int64)])
        for doubling in self.decoder:
            x = builder.layer(doubling.block, x)  # type: ignore[arg-type]
        x = builder.layer(nn.Sequential(*list(self.final_layer)[:-1], self._last_layer()), x)
        return builder.graph({"input": ("batch", self.width)}, {"output": (x, ("batch", 3, "S", "S"))})


class FaceCritic(nn.Module):
    """Judge whether a picture is a photo: one logit, any size in.

    Shapes:
        images: (B, 3, H, W).
        returns: (B, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 32, 16, 8, 1)
        for number, (inputs, outputs) in enumerate(pairwise(widths), 1):
            setattr(self, f"conv{number}", nn.Conv2d(inputs, outputs, 3, 2 if number < 6 else 1, 1))
            setattr(self, f"bn{number}", nn.BatchNorm2d(outputs))
            if number < 7:
                setattr(self, f"prelu{number}", PReLU(outputs))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1"]:
        """Return logits."""
        x = images
        for number in range(1, 8):
            x = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x))
            if number < 7:
                x = getattr(self, f"prelu{number}")(x)
            if number == 1:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        return x.mean(dim=(2, 3))


def mixtures(templates: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """Return a template between each and the one after it, at a random angle, as long as they are on average.

    Random numbers come from torch's own state.
    """
    one = F.normalize(templates, dim=1)
    angle = torch.rand(len(one), 1, device=one.device) * (torch.pi / 2)
    mixed = angle.cos() * one + angle.sin() * one.roll(1, 0)
    return F.normalize(mixed, dim=1) * templates.norm(dim=1).mean()


def from_afar(images: Float[Tensor, "B C S S"]) -> Float[Tensor, "B C S S"]:
    """Return pictures as from a distance: all moved by the same few pixels and softened to half their pixels or fewer.

    Random numbers come from torch's own state.
    """
    size = images.shape[-1]
    reach = max(1, size // 28)
    x, y = (int(torch.randint(0, 2 * reach + 1, ())) for _ in range(2))
    moved = F.pad(images, (reach,) * 4, mode="replicate")[..., y : y + size, x : x + size]
    small = int(torch.randint(size * 3 // 8, size * 3 // 4, ()))
    softened = F.interpolate(moved, size=(small, small), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(softened, size=(size, size), mode="bilinear", align_corners=False)


def laplacian_norm(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C"]:
    """Return how sharp each channel is: the norm of its eight-neighbour Laplacian, over its number of pixels."""
    channels, (height, width) = images.shape[1], images.shape[2:]
    kernel = images.new_ones(3, 3)
    kernel[1, 1] = -8
    edges = F.conv2d(images, kernel.expand(channels, 1, 3, 3), padding=1, groups=channels)
    return edges.square().sum(dim=(2, 3)).add(1e-20).sqrt() / (height * width)


def laplace_loss(made: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"]) -> Float[Tensor, ""]:
    """Compare the sharpness of two pictures."""
    return (laplacian_norm(made) - laplacian_norm(real)).square().mean()


def perceptual_loss(made: Sequence[Tensor], real: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Return the squared error of a network's maps (B, C, H, W), each map counting as much as any other."""
    return torch.stack([F.mse_loss(a, b) for a, b in zip(made, real, strict=True)]).mean()


class Vgg11Maps(nn.Module):
    """The convolutions of VGG-11 (torchvision's names), giving the maps after its ReLUs 1, 2, 4 and 8.

    Shapes:
        images: (B, 3, H, W) RGB, ImageNet-normalised.
    """

    taps = (1, 4, 9, 19)

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512):
            layers += [nn.Conv2d(inputs, width, 3, 1, 1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
            inputs = width or inputs
        self.features = nn.Sequential(*layers)

    def stages(self, images: Float[Tensor, "B 3 H W"]) -> tuple[list[Float[Tensor, "B _C _H _W"]], None]:
        """Return the maps, finest first; there is no template."""
        maps, x = [], images
        for order, layer in enumerate(self.features):
            x = layer(x)
            if order in self.taps:
                maps.append(x)
        return maps, None
