"""GeneFace's own NeRF behind the same interface: two MLPs of 256, asked at every sample of every ray.

Its shapes and names are the original's (1,244,931 parameters with the landmark encoder). What was mended: samples do
not move at random when rendering, directions leave through pixel centres, and the attention over the window is used
from the first update on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.renderer.field import Marched, Rays, drawn
from modules.renderer.landmark_code import FrameCode, WindowAttention
from modules.renderer.sampling import bin_positions, composite_weights, inverse_cdf, sample_edges


def frequencies(x: Tensor, bands: int) -> Tensor:
    """Return x and, band by band, sin(2^k x) and cos(2^k x): (..., 3) -> (..., 3 + 6 * bands)."""
    parts = [x]
    for band in range(bands):
        parts += [torch.sin(x * 2**band), torch.cos(x * 2**band)]
    return torch.cat(parts, dim=-1)


class LandmarkEncoder(nn.Module):
    """Encode landmarks of one frame, (B, 1, 204) -> (B, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((204, 32), (32, 32), (32, 64), (64, 64)):
            layers += [nn.Conv1d(before, after, 3, padding=1), nn.LeakyReLU(0.02)]
        self.encoder_conv = nn.Sequential(*layers)
        self.encoder_fc1 = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.02), nn.Linear(64, dim))

    def forward(self, landmarks: Float[Tensor, "B 1 204"]) -> Float[Tensor, "B dim"]:
        return self.encoder_fc1(self.encoder_conv(landmarks.transpose(1, 2)).squeeze(-1))  # type: ignore[no-any-return]


class RadianceMLP(nn.Module):
    """Density and colour of points, each fed the whole landmark code.

    Shapes:
        points: (N, 3) in [-1, 1]; directions: (N, 3) unit; code: (dim,), or one a point (N, dim).
        returns: density (N,), raw, and colour (N, 3), raw.
    """

    def __init__(self, cond_dim: int, hidden: int = 256) -> None:
        super().__init__()
        entry = 63 + cond_dim
        sizes = [entry, *[hidden] * 4, hidden + entry, hidden, hidden]
        self.density_linears = nn.ModuleList(nn.Linear(size, hidden) for size in sizes)
        self.density_out_linear = nn.Linear(hidden, 1)
        self.color_linears = nn.ModuleList(nn.Linear(size, 128) for size in (hidden + 27, 128, 128))
        self.color_out_linear = nn.Linear(128, 3)

    def forward(
        self,
        points: Float[Tensor, "N 3"],
        directions: Float[Tensor, "N 3"],
        code: Float[Tensor, " dim"] | Float[Tensor, "N dim"],
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N 3"]]:
        entry = torch.cat([frequencies(points, 10), code.expand(len(points), -1)], dim=-1)
        hidden = entry
        for index, layer in enumerate(self.density_linears):
            hidden = F.relu(layer(hidden))
            if index == 4:
                hidden = torch.cat([entry, hidden], dim=-1)
        density = self.density_out_linear(hidden)[:, 0]
        hidden = torch.cat([hidden, frequencies(directions, 4)], dim=-1)
        for layer in self.color_linears:
            hidden = F.relu(layer(hidden))
        return density, self.color_out_linear(hidden)


class VanillaFrame(NamedTuple):
    """The code (dim,) of one frame."""

    code: Tensor


class VanillaFrames(NamedTuple):
    """The codes (B, dim) of several frames."""

    code: Tensor


class VanillaHead(nn.Module):
    """A coarse and a fine MLP over `samples` and `fine_samples` places of a ray.

    Shapes:
        encode: (B, W, 68, 3) normalised landmarks -> FrameCode; it has no blend weights.
    """

    feature_dim = 3
    bases_count = 0

    def __init__(
        self, box: Tensor, *, window: int = 5, cond_dim: int = 64, samples: int = 64, fine_samples: int = 128
    ) -> None:
        super().__init__()
        self.samples, self.fine_samples = samples, fine_samples
        self.box: Tensor
        self.register_buffer("box", box.clone())
        self.lm_encoder = LandmarkEncoder(cond_dim)
        self.lmatt_encoder = WindowAttention(cond_dim, window)
        self.model_coarse = RadianceMLP(cond_dim)
        self.model_fine = RadianceMLP(cond_dim)

    def encode(self, landmarks: Tensor) -> FrameCode:
        """Encode windows (T, window, 68, 3) of normalised landmarks."""
        count, window = landmarks.shape[:2]
        codes = self.lm_encoder(landmarks.flatten(2).flatten(0, 1)[:, None]).view(count, window, -1)
        return FrameCode(self.lmatt_encoder(codes), codes.new_zeros(count, 0))

    def frames(self, code: FrameCode) -> VanillaFrames:
        """Pick the codes of all frames of a batch."""
        return VanillaFrames(code.code)

    def frame(self, code: FrameCode, index: int, dtype: torch.dtype = torch.float32) -> VanillaFrame:
        """Pick the code of one frame of a batch."""
        return VanillaFrame(code.code[index])

    def _sum(self, net: RadianceMLP, frame: VanillaFrame, rays: Rays, steps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        points = rays.origin + steps[..., None] * rays.directions[:, None]
        place = 2 * (points - self.box[0]) / (self.box[1] - self.box[0]) - 1
        directions = rays.directions[:, None].expand_as(points)
        density, colour = net(place.flatten(0, 1), directions.flatten(0, 1), frame.code)
        edges = sample_edges(steps, rays.near, rays.far)
        if steps.shape[1] == 2:  # one coarse and one fine sample may lie at the same place: they share the ray
            edges = torch.stack([rays.near, steps.mean(dim=1), rays.far], dim=1)
        weights = composite_weights(F.relu(density).view_as(steps) + 1e-6, edges.diff(dim=-1))
        summed = torch.einsum("ns,nsc->nc", weights, torch.sigmoid(colour).view(*steps.shape, 3))
        return summed, weights, edges

    def march(
        self, frame: VanillaFrame, rays: Rays, jitter: bool, generator: torch.Generator | None = None
    ) -> Marched:
        """Sum the fine network along rays, at the places of the coarse one and where that one found something."""
        hits = torch.arange(len(rays.near), device=rays.near.device)
        if not self.samples:
            noise = drawn(rays, self.fine_samples, jitter, generator)
            even = torch.ones_like(rays.near)[:, None]
            steps = inverse_cdf(even, rays.near, rays.far, self.fine_samples, noise)
            colour, weights, edges = self._sum(self.model_fine, frame, rays, steps)
            alpha = weights.sum(dim=-1)
            return Marched(hits, alpha, colour, alpha, even, weights, edges, rays.near, rays.far)
        noise = drawn(rays, self.samples, jitter, generator)
        steps = bin_positions(rays.near, rays.far, self.samples, noise)
        colour, coarse, edges = self._sum(self.model_coarse, frame, rays, steps)
        pixels = torch.cat([colour, coarse.sum(dim=-1, keepdim=True)], dim=-1)
        if not self.fine_samples:
            alpha = coarse.sum(dim=-1)
            return Marched(hits, alpha, colour, alpha, coarse, coarse, edges, rays.near, rays.far)
        noise = drawn(rays, self.fine_samples, jitter, generator)
        more = inverse_cdf(coarse.detach(), rays.near, rays.far, self.fine_samples, noise)
        steps = torch.cat([steps, more], dim=-1).sort(dim=-1).values
        colour, weights, edges = self._sum(self.model_fine, frame, rays, steps)
        alpha = weights.sum(dim=-1)
        return Marched(hits, pixels[:, 3], colour, alpha, coarse, weights, edges, rays.near, rays.far, pixels)

    def march_frames(
        self, frames: VanillaFrames, rays: Sequence[Rays], jitter: bool, generator: torch.Generator | None = None
    ) -> Marched:
        """Do the same for the rays of several frames, one after the other in the result."""
        pairs = zip(frames.code.unbind(), rays, strict=True)
        marches = [self.march(VanillaFrame(code), bundle, jitter, generator) for code, bundle in pairs]
        first = torch.tensor([0, *(len(bundle.near) for bundle in rays)]).cumsum(0)
        marches = [m._replace(hits=m.hits + int(start)) for m, start in zip(marches, first, strict=False)]
        fields = (None if parts[0] is None else torch.cat(parts) for parts in zip(*marches, strict=True))
        return Marched(*fields)  # type: ignore[arg-type]
