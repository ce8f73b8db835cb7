"""The BlendPlane head: a frame's weights blend bases of planes and of a coarse density grid; rays then sum features.

All the conditioning happens once per frame, in `BlendPlaneHead.frames`; a sample costs a bag of table rows and a small
matrix product, whatever the code says. This is how a head is trained; `marcher.py` renders it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modules.renderer.landmark_code import FrameCode, LandmarkCode
from modules.renderer.planes import blend, border_fade, grid_rows, plane_taps, read_table
from modules.renderer.sampling import bin_positions, composite_weights, inverse_cdf, pooled, sample_edges

KEEP_ALPHA = 0.01
"""A ray whose coarse alpha is below this is empty: nothing is evaluated on it, in training as in rendering."""


class Rays(NamedTuple):
    """Rays that cross the box: origin (3,) of one camera or (N, 1, 3), directions (N, 3) unit, near and far (N,)."""

    origin: Tensor
    directions: Tensor
    near: Tensor
    far: Tensor


class Marched(NamedTuple):
    """What a march along N rays gives; rays on which the coarse steps find nothing are left out.

    hits: (R,) numbers of the rays that were evaluated. coarse_alpha: (N,) of all rays.
    Of the evaluated rays: features (R, C) summed and premultiplied, the first three a colour; alpha (R,);
    coarse (R, S) weights of the coarse bins; weights (R, M) of the fine pieces; edges (R, M + 1) distances;
    near, far (R,). coarse_pixels (N, 4): colour and alpha of a coarse network, when there is one.
    """

    hits: Tensor
    coarse_alpha: Tensor
    features: Tensor
    alpha: Tensor
    coarse: Tensor
    weights: Tensor
    edges: Tensor
    near: Tensor
    far: Tensor
    coarse_pixels: Tensor | None = None


class HeadFrames(NamedTuple):
    """The heads of B frames in training: blended rows (B * rows, C) or None, grids (B, R^3), biases (B, H)."""

    dynamic: Tensor | None
    log_density: Tensor
    bias: Tensor


def drawn(rays: Rays, count: int, jitter: bool, generator: torch.Generator | None) -> Tensor | None:
    """Draw where in its bin each of `count` samples of N rays lies, (N, count) in [0, 1); None without jitter."""
    return torch.rand(len(rays.near), count, device=rays.near.device, generator=generator) if jitter else None


def coarse_weights(log_density: Tensor, rays: Rays, box: Tensor, samples: int, noise: Tensor | None) -> Tensor:
    """Return the weights (N, samples) of the equal bins of rays, from a log-density grid (R^3,) over `box`."""
    steps = bin_positions(rays.near, rays.far, samples, noise)
    half = (box[1] - box[0]) / 2
    start, slope = (rays.origin - box[0]) / half - 1, rays.directions / half
    resolution = round(len(log_density) ** (1 / 3))
    rows = grid_rows(start + steps[..., None] * slope[:, None], resolution)
    density = log_density.index_select(0, rows.flatten()).view_as(steps).exp()
    return composite_weights(density, ((rays.far - rays.near) / samples)[:, None])


def head_taps(
    points: Tensor, box: Tensor, face_box: Tensor, plane_size: int, dynamic_size: int
) -> tuple[Tensor, Tensor]:
    """Return the rows and weights (N, 24) that points (N, 3) read: 12 static, 12 dynamic (0 outside the face box)."""
    inner = 2 * (points - face_box[0]) / (face_box[1] - face_box[0]) - 1
    outer = 2 * (points - box[0]) / (box[1] - box[0]) - 1
    rows, weights = plane_taps(torch.cat([outer, inner], dim=1), (plane_size, dynamic_size))
    weights[:, 12:] *= border_fade(inner)
    return rows, weights


class BlendPlaneHead(nn.Module):
    """A head as blended tri-planes.

    Args:
        box: (2, 3) corners of the scene, head frame.
        face_box: (2, 3) corners of the part that the dynamic planes cover.
        window, cond_dim: Frames in a landmark window, width of its code.
        bases: K, blended bases; 0 makes a head that does not listen to the landmarks.
        plane_size, dynamic_size, grid_size: Resolution of static planes, dynamic planes and coarse grid.
        channels: Width of a plane row.
        hidden: Width of the MLP.
        samples, fine_samples: Steps in the coarse grid and field evaluations on a ray; without fine samples the
            field is evaluated in the middle of every coarse bin, without coarse ones the fine samples lie evenly on
            every ray through the box.

    Shapes:
        encode: (B, W, 68, 3) normalised landmarks -> FrameCode of B frames.
    """

    feature_dim = 16
    density_scale = 50.0

    def __init__(
        self,
        box: Tensor,
        face_box: Tensor,
        *,
        window: int = 5,
        cond_dim: int = 64,
        bases: int = 16,
        plane_size: int = 256,
        dynamic_size: int = 96,
        grid_size: int = 64,
        channels: int = 32,
        hidden: int = 64,
        samples: int = 16,
        fine_samples: int = 8,
    ) -> None:
        super().__init__()
        self.plane_size, self.dynamic_size, self.grid_size = plane_size, dynamic_size, grid_size
        self.samples, self.fine_samples, self.bases_count = samples, fine_samples, bases
        self.box: Tensor
        self.face_box: Tensor
        self.register_buffer("box", box.clone())
        self.register_buffer("face_box", face_box.clone())
        self.code = LandmarkCode(window, cond_dim, bases)
        self.planes = nn.Parameter(0.05 * torch.randn(3 * plane_size**2, channels))
        self.bases = nn.Parameter(0.02 * torch.randn(bases, 3 * dynamic_size**2, channels))
        self.grid = nn.Parameter(torch.full((grid_size**3,), -0.7))
        self.grid_bases = nn.Parameter(torch.zeros(bases, grid_size**3))
        self.first = nn.Linear(channels, hidden)
        self.shift = nn.Linear(cond_dim, hidden, bias=False)
        nn.init.zeros_(self.shift.weight)
        self.last = nn.Linear(hidden, 1 + self.feature_dim)

    def encode(self, landmarks: Tensor) -> FrameCode:
        """Encode windows (T, window, 68, 3) of normalised landmarks."""
        return self.code(landmarks)  # type: ignore[no-any-return]

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the planes and grids, which learn at their own rate."""
        return [self.planes, self.bases, self.grid, self.grid_bases]

    def frames(self, code: FrameCode) -> HeadFrames:
        """Blend the planes and the grid of a batch of frames, in one product each, for training."""
        count = len(code.code)
        if self.bases_count == 0:
            return HeadFrames(None, self.grid.expand(count, -1), self.shift(code.code) * 0)
        tables = blend(code.weights, self.bases.flatten(1)).view(-1, self.planes.shape[1])
        return HeadFrames(tables, self.grid + blend(code.weights, self.grid_bases), self.shift(code.code))

    def field(self, frames: HeadFrames, points: Tensor, of: Tensor) -> tuple[Tensor, Tensor]:
        """Return density (N,) per head unit and features (N, C) at points (N, 3) of the head frame.

        Args:
            frames: The heads of some frames.
            points: Points of all of them; the planes that they share are read at once.
            of: (N,) which frame a point belongs to.
        """
        rows, weights = self._taps(points)
        read = read_table(self.planes, rows[:, :12].contiguous(), weights[:, :12].contiguous())
        if frames.dynamic is not None:
            shift = of.to(rows.dtype) * (3 * self.dynamic_size**2) - len(self.planes)
            read = read + read_table(frames.dynamic, rows[:, 12:] + shift[:, None], weights[:, 12:].contiguous())
        shift = (self.first.bias + frames.bias).index_select(0, of)
        out = self.last((F.linear(read, self.first.weight) + shift).relu_())
        density = F.softplus(out[:, 0] - 5) * self.density_scale
        return density, torch.cat([torch.sigmoid(out[:, 1:4]), out[:, 4:]], dim=1)

    def _taps(self, points: Tensor) -> tuple[Tensor, Tensor]:
        if self.bases_count:
            return head_taps(points, self.box, self.face_box, self.plane_size, self.dynamic_size)
        place = 2 * (points - self.box[0]) / (self.box[1] - self.box[0]) - 1
        return plane_taps(place, (self.plane_size,))

    def march_frames(
        self, frames: HeadFrames, rays: Sequence[Rays], jitter: bool, generator: torch.Generator | None = None
    ) -> Marched:
        """Sum the field along the rays of several frames, one after the other in the result, for training."""
        grids = frames.log_density.unbind()
        parts = [self._coarse(grid, bundle, jitter, generator) for grid, bundle in zip(grids, rays, strict=True)]
        counts = torch.tensor([len(bundle.near) for bundle in rays], device=parts[0].device)
        of = torch.arange(len(rays), device=counts.device).repeat_interleave(counts)
        coarse = torch.cat(parts)
        total = coarse.sum(dim=-1)
        hits = (total > KEEP_ALPHA).nonzero()[:, 0]
        of = of[hits]
        directions, near, far = (torch.cat([bundle[k] for bundle in rays])[hits] for k in (1, 2, 3))
        origin = torch.stack([bundle.origin for bundle in rays])[of][:, None]

        hit = Rays(origin, directions, near, far)
        coarse = coarse[hits]
        steps = self._steps(coarse, hit, jitter, generator)
        edges = sample_edges(steps, near, far)
        points = origin + steps[..., None] * directions[:, None]
        density, features = self.field(frames, points.flatten(0, 1), of.repeat_interleave(steps.shape[1]))
        weights = composite_weights(density.view_as(steps), edges.diff(dim=-1))
        summed = (weights[..., None] * features.view(*steps.shape, self.feature_dim)).sum(dim=1)
        return Marched(hits, total, summed, weights.sum(dim=-1), coarse, weights, edges, near, far)

    def _coarse(self, log_density: Tensor, rays: Rays, jitter: bool, generator: torch.Generator | None) -> Tensor:
        """Return the weights (N, S) of the coarse bins; one bin of weight 1 where no coarse steps are wanted."""
        if not self.samples:
            return torch.ones_like(rays.near)[:, None]
        noise = drawn(rays, self.samples, jitter, generator)
        return coarse_weights(log_density, rays, self.box, self.samples, noise)

    def _steps(self, coarse: Tensor, rays: Rays, jitter: bool, generator: torch.Generator | None) -> Tensor:
        """Return the distances (N, S) at which the field is asked."""
        count = self.fine_samples or self.samples
        noise = drawn(rays, count, jitter, generator)
        if self.fine_samples:
            return inverse_cdf(pooled(coarse.detach()), rays.near, rays.far, count, noise)
        return bin_positions(rays.near, rays.far, count, noise)
