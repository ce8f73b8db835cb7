"""Rebuild a face from a recognition template as a shape and colours, both out of a space that few photos span."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.faces.face_warp import pixel_grid
from modules.onnx.export import GraphBuilder
from modules.onnx.format import Graph

SIDE = 112
COLOURS, SHAPES = 400, 30
"""Components of colours and of shapes. Those that the photos do not fill are zero."""
WITHIN = 4.0
"""Standard deviations that no component goes beyond: what is made stays a face, whatever a recogniser likes better."""
HIDDEN = 512
"""Width of the part that is not linear."""


class FaceSpace(nn.Module):
    """Make a face of a template: colours that components add up to, moved to the shape that others add up to.

    Colours are those of a face of mean shape, shapes say where each pixel is read from. Both are the same left and
    right, so that what is made looks straight at the viewer and only half of it is kept. The components are no
    parameters: they are worked out from photos, and what learns is how much of each a template asks for.

    Args:
        width: Length of a template.

    Shapes:
        templates: (B, width).
        returns: (B, 3, 112, 112) RGB in [-1, 1], unbounded.
    """

    mean_colours: Tensor
    colours: Tensor
    mean_shape: Tensor
    shapes: Tensor
    deviations: Tensor
    grid: Tensor

    def __init__(self, width: int = 512) -> None:
        super().__init__()
        half, places = 3 * SIDE * (SIDE // 2), SIDE * SIDE * 2
        self.register_buffer("mean_colours", torch.zeros(half))
        self.register_buffer("colours", torch.zeros(COLOURS, half))
        self.register_buffer("mean_shape", torch.zeros(places))
        self.register_buffer("shapes", torch.zeros(SHAPES, places))
        self.register_buffer("deviations", torch.zeros(COLOURS + SHAPES))
        left = torch.arange(SIDE // 2)
        self.register_buffer("unfolded", torch.cat([left, left.flip(0)]), persistent=False)
        self.register_buffer("grid", pixel_grid(SIDE, SIDE, torch.device("cpu")).flatten(), persistent=False)
        self.straight = nn.Linear(width, COLOURS + SHAPES)
        self.bent = nn.Sequential(nn.Linear(width, HIDDEN), nn.LeakyReLU(0.25), nn.Linear(HIDDEN, COLOURS + SHAPES))
        first, last = cast(nn.Linear, self.bent[0]), cast(nn.Linear, self.bent[-1])
        nn.init.normal_(first.weight, std=0.1)  # so that it learns about as fast as what is straight
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    @property
    def width(self) -> int:
        """Return the length of a template."""
        return self.straight.in_features

    def amounts(self, templates: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        """Return how much of each component a template asks for, in standard deviations."""
        return WITHIN * torch.tanh((self.straight(templates) + self.bent(templates)) / WITHIN)

    def picture(self, amounts: Float[Tensor, "B K"]) -> Float[Tensor, "B 3 112 112"]:
        """Return the pictures of amounts of each component."""
        with torch.autocast(amounts.device.type, enabled=False):
            colours, shapes = (amounts.float() * self.deviations).split((COLOURS, SHAPES), dim=1)
            half = (self.mean_colours + colours @ self.colours).view(-1, 3, SIDE, SIDE // 2)
            places = (self.mean_shape + self.grid + shapes @ self.shapes).view(-1, SIDE, SIDE, 2)
            flat = half[..., cast(Tensor, self.unfolded)]
            return F.grid_sample(flat, places, align_corners=False, padding_mode="border")

    def forward(self, templates: Float[Tensor, "B D"]) -> Float[Tensor, "B 3 112 112"]:
        """Return pictures."""
        return self.picture(self.amounts(templates))

    def in_own_units(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 3 S S"]:
        """Return RGB pictures in [-1, 1] as they are: the network's own units."""
        return pictures

    def onnx_graph(self) -> Graph:
        """Return this network as an ONNX graph: `input` (batch, width) -> `output`."""
        builder = GraphBuilder()
        amounts = builder.add("Add", [builder.layer(self.straight, "input"), builder.layer(self.bent, "input")])
        within = builder.constant(WITHIN, "within")
        amounts = builder.add("Tanh", [builder.add("Div", [amounts, within])])
        scales = builder.constant((WITHIN * self.deviations).cpu().numpy(), "deviations")
        amounts = builder.add("Mul", [amounts, scales])
        sums = []
        parts = (
            ("colours", 0, COLOURS, self.colours, self.mean_colours, [-1, 3, SIDE, SIDE // 2]),
            ("shapes", COLOURS, COLOURS + SHAPES, self.shapes, self.mean_shape + self.grid, [-1, SIDE, SIDE, 2]),
        )
        for name, begin, end, components, mean, shape in parts:
            edges = [builder.constant([value], f"{name}.{value}", np.int64) for value in (begin, end, 1)]
            own = builder.add("Slice", [amounts, edges[0], edges[1], edges[2]])
            x = builder.add("Gemm", [own, *builder.weights({"components": components, "mean": mean})])
            sums.append(builder.add("Reshape", [x, builder.constant(shape, f"{name}.sizes", np.int64)]))
        unfolded = builder.constant(cast(Tensor, self.unfolded).cpu().numpy(), "unfolded", np.int64)
        flat = builder.add("Gather", [sums[0], unfolded], axis=3)
        x = builder.add("GridSample", [flat, sums[1]], mode="bilinear", padding_mode="border", align_corners=0)
        return builder.graph({"input": ("batch", self.width)}, {"output": (x, ("batch", 3, SIDE, SIDE))})


def folded(pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B _D"]:
    """Return the left half of the mean of pictures and their mirror images, in rows."""
    return ((pictures + pictures.flip(3)) / 2)[..., : pictures.shape[3] // 2].flatten(1)
