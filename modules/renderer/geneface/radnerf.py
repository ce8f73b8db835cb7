"""GeneFace's RAD-NeRF, to render with imported weights: a head in feature grids, a torso in a plane.

Convention: the world is torch-ngp's (axes and scale by `ngp_pose`), the box is [-1, 1] with y in [-0.5, 0.5]. Rays pass
through pixel centres. A ray is walked in steps of 0.027; of its places in occupied cells the first 16 are asked, and up
to 7 more where so few rays of a picture are left that the original walks several steps at once (`most_places`).
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.renderer.geneface.nerf import ConditionEncoder
from modules.renderer.geneface.tiled_grid import GridType, Interpolation, TiledGrid
from modules.renderer.landmark_code import WindowAttention
from modules.renderer.rays import box_span
from modules.renderer.vanilla import frequencies

CELLS = 128
"""Cells of the occupancy grid along each side."""
STEP = 2 * math.sqrt(3) / CELLS
"""Length of a step."""
MAX_STEPS = 16
"""Places after which no further round of steps is begun."""
LONGEST_ROUND = 8
"""Steps of a round, at most."""
CLOSED = 1e-4
"""A ray of which less than this share is left is closed."""
MIN_NEAR = 0.05
"""Rays begin at least so far from the camera."""


class BiasFree(nn.Module):
    """An MLP without biases: ReLU between its layers."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(widths))

    def forward(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N D"]:
        for layer in self.net[:-1]:
            x = F.relu(layer(x))
        return self.net[-1](x)  # type: ignore[no-any-return]


def sphere_harmonics(direction: Float[Tensor, "N 3"]) -> Float[Tensor, "N 16"]:
    """Return the 16 real spherical harmonics up to degree 3, torch-ngp's signs: unit (N, 3) -> (N, 16)."""
    x, y, z = direction.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    a, b, c, d = 1.0925484305920792, 0.5900435899266435, 0.4570457994644658, 0.48860251190291987
    return torch.stack([
        torch.full_like(x, 0.28209479177387814), -d * y, d * z, -d * x,
        a * x * y, -a * y * z, 0.9461746957575601 * zz - 0.31539156525252005, -a * x * z, a / 2 * (xx - yy),
        b * y * (yy - 3 * xx), 2.890611442640554 * x * y * z, c * y * (1 - 5 * zz),
        0.3731763325901154 * z * (5 * zz - 3), c * x * (1 - 5 * zz),
        1.445305721320277 * z * (xx - yy), b * x * (3 * yy - xx),
    ], dim=-1)  # fmt: skip


def morton(cell: Tensor) -> Tensor:
    """Interleave the bits of cell numbers (N, 3), x lowest: the order in which cells are kept."""
    out = torch.zeros_like(cell[:, 0])
    for bit in range(7):
        for axis in range(3):
            out = out | (cell[:, axis] >> bit & 1) << 3 * bit + axis
    return out


def ngp_pose(world_from_camera: Tensor, scale: float, offset: tuple[float, float, float]) -> Tensor:
    """Bring a pose (4, 4) of GeneFace's world into torch-ngp's: axes y, z, x; the camera looks along its +z."""
    pose = world_from_camera[[1, 2, 0]] * world_from_camera.new_tensor([1.0, -1.0, -1.0, scale])
    pose = pose + F.pad(world_from_camera.new_tensor(offset)[:, None], (3, 0))
    return torch.cat([pose, world_from_camera.new_tensor([[0.0, 0.0, 0.0, 1.0]])])


def pose_code(pose: Tensor) -> Tensor:
    """Return angles and place of a pose (4, 4) in 4 frequencies, (54,); R = Rx(a) Ry(b) Rz(c)."""
    rotation = pose[:3, :3]
    a = torch.atan2(-rotation[1, 2], rotation[2, 2])
    b = torch.asin(rotation[0, 2].clamp(-1, 1))
    c = torch.atan2(-rotation[0, 1], rotation[0, 0])
    return frequencies(torch.cat([torch.stack([a, b, c]), pose[:3, 3]]), 4)


class Seen(NamedTuple):
    """What rays (N,) add up to: colour (N, 3), premultiplied, and alpha (N,)."""

    colour: Tensor
    alpha: Tensor


class Stretch(NamedTuple):
    """What a stretch of rays (N,) adds: colour (N, 3) and alpha; how much it absorbs, and places used, (N,) each."""

    colour: Tensor
    alpha: Tensor
    absorbed: Tensor
    places: Tensor


def most_places(lasting: Tensor) -> int:
    """Return how many places a ray of this picture may ask for, 16 to 23; fewer where no ray asks for as many.

    The original walks all rays of a picture in rounds: of one step while all are alive, and of more the fewer there are
    left, up to 8. A round is begun while fewer than 16 steps are done.

    Args:
        lasting: (N,) for every ray of the picture how many of its first 16 places in occupied cells it asks for, before
            it is closed or leaves the box.
    """
    reaching = lasting.bincount(minlength=MAX_STEPS + 1).flip(0).cumsum(0).flip(0).tolist()
    steps = 0
    while steps < MAX_STEPS and reaching[steps]:
        steps += max(1, min(len(lasting) // reaching[steps], LONGEST_ROUND))
    return steps


class RadHead(nn.Module):
    """The head, and with `torso` what RAD-NeRF's torso adds to it; names and shapes are the original's.

    Args:
        channels, window, smooth: Width of a condition row, rows of a frame, frames that the attention smooths over.
        codes: Rows of the table of individual codes; the first is used.
        torso: Whether there is a torso.
        head_aware: Whether the torso sees the head's colour.
        grid, interpolation: Kind of the head's feature grids; the torso's is always tiled and linear.

    Shapes:
        windows: (smooth, window, channels). pose: (4, 4), torch-ngp's world.
    """

    aabb_infer: Tensor
    density_bitfield: Tensor
    density_grid_torso: Tensor

    def __init__(
        self,
        channels: int,
        window: int,
        smooth: int,
        *,
        codes: int = 13_000,
        torso: bool = False,
        head_aware: bool = False,
        grid: GridType = "tiledgrid",
        interpolation: Interpolation = "linear",
    ) -> None:
        super().__init__()
        self.head_aware = head_aware
        self.individual_embeddings = nn.Parameter(torch.zeros(codes, 4))
        self.register_buffer("aabb_infer", torch.tensor([-1, -0.5, -1, 1, 0.5, 1]))
        self.register_buffer("density_bitfield", torch.zeros(CELLS**3 // 8, dtype=torch.uint8))
        self.cond_prenet = ConditionEncoder(channels, window)
        self.cond_att_net = WindowAttention(64, smooth)
        self.position_embedder = TiledGrid(3, kind=grid, interpolation=interpolation)
        self.ambient_embedder = TiledGrid(2, kind=grid, interpolation=interpolation)
        self.ambient_net = BiasFree(96, 128, 128, 2)
        self.sigma_net = BiasFree(64, 128, 128, 129)
        self.color_net = BiasFree(148, 128, 3)
        self.has_torso = torso
        if torso:
            code_dim = 104 + (16 if head_aware else 0)
            self.torso_individual_codes = nn.Parameter(torch.zeros(codes, 8))
            self.register_buffer("density_grid_torso", torch.zeros(CELLS**2))
            self.torso_embedder = TiledGrid(2)  # whatever the head has
            self.torso_deform_net = BiasFree(code_dim, 64, 64, 2)
            self.torso_canonicial_net = BiasFree(32 + code_dim, 32, 32, 4)
            if head_aware:
                self.head_color_weights_encoder = nn.Sequential(
                    nn.Linear(4, 16), nn.LeakyReLU(0.02), nn.Linear(16, 32), nn.LeakyReLU(0.02), nn.Linear(32, 16)
                )

    def encode(self, windows: Tensor, *, attention: bool = True) -> Tensor:
        """Encode the frames of a window, (64,); without attention only the middle one."""
        codes = self.cond_prenet(windows)
        return self.cond_att_net(codes[None])[0] if attention else codes[len(codes) // 2]  # type: ignore[no-any-return]

    def field(self, points: Tensor, directions: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return density (N,) and colour (N, 3) in [0, 1] at points (N, 3) seen along unit directions (N, 3)."""
        place = self.position_embedder(points)
        ambient = torch.tanh(self.ambient_net(torch.cat([place, code.expand(len(points), -1)], dim=-1)))
        hidden = self.sigma_net(torch.cat([place, self.ambient_embedder(ambient)], dim=-1))
        own = self.individual_embeddings[:1].expand(len(points), -1)
        inputs = torch.cat([sphere_harmonics(directions), hidden[:, 1:], own], dim=-1)
        return torch.exp(hidden[:, 0]), torch.sigmoid(self.color_net(inputs))

    def occupied(self, points: Tensor) -> Tensor:
        """Tell which points (N, 3) lie in cells that hold something, (N,) bool."""
        cell = ((points + 1) / 2 * CELLS).clamp(0, CELLS - 1).long()
        index = morton(cell)
        return (self.density_bitfield[index >> 3] >> (index & 7) & 1).bool()

    def march(self, origin: Tensor, directions: Tensor, code: Tensor, chunk: int = 16_384) -> Seen:
        """Walk all rays of a picture from `origin` (3,) along unit `directions` (N, 3), `chunk` rays at once."""
        parts = [self._walk(origin, part, code, 0, MAX_STEPS) for part in directions.split(chunk)]
        colour, alpha, absorbed, lasting = map(torch.cat, zip(*parts, strict=True))
        last = most_places(lasting)
        if last > MAX_STEPS:
            left = ((lasting == MAX_STEPS) & (torch.exp(-absorbed) >= CLOSED)).nonzero().flatten()
            for rays in left.split(chunk):
                more = self._walk(origin, directions[rays], code, MAX_STEPS, last, absorbed[rays])
                colour[rays] += more.colour
                alpha[rays] += more.alpha
        return Seen(colour, alpha)

    def _walk(
        self, origin: Tensor, directions: Tensor, code: Tensor, first: int, last: int, before: Tensor | float = 0.0
    ) -> Stretch:
        """Ask for places `first` to `last` of rays; `before` (N,) is what each has absorbed ahead of them."""
        near, far = box_span(origin, directions, self.aabb_infer.view(2, 3))
        near = near.clamp(min=MIN_NEAR)
        count = int(((far - near).clamp(min=0).max() / STEP).ceil()) if len(near) else 0
        steps = near[:, None] + STEP * torch.arange(count, device=near.device)
        points = origin + steps[..., None] * directions[:, None]
        asked = (steps < far[:, None]) & self.occupied(points.flatten(0, 1)).view_as(steps)
        order = asked.cumsum(dim=-1)
        asked &= (order > first) & (order <= last)
        ray, step = asked.nonzero(as_tuple=True)
        density, colour = self.field(points[ray, step], directions[ray], code)
        absorbed = torch.zeros_like(steps)
        absorbed[ray, step] = density * STEP
        ahead = F.pad(absorbed.cumsum(dim=-1)[:, :-1], (1, 0)) if count else absorbed
        passed = torch.exp(-(ahead + torch.as_tensor(before, device=near.device).view(-1, 1)))
        weights = (passed * -torch.expm1(-absorbed) * (passed >= CLOSED))[ray, step]
        summed = points.new_zeros(len(near), 3).index_add(0, ray, weights[:, None] * colour)
        alpha = points.new_zeros(len(near)).index_add(0, ray, weights)
        return Stretch(summed, alpha, absorbed.sum(dim=-1), (asked & (passed >= CLOSED)).sum(dim=-1))

    def torso(self, places: Tensor, pose: Tensor, head: Seen, shrink: float) -> Seen:
        """Paint the torso at `places` (N, 2) of the picture, (row, column) in [-1, 1]; alpha 0 where nothing was."""
        grid = self.density_grid_torso.view(1, 1, CELLS, CELLS)
        held = F.grid_sample(grid, places.view(1, -1, 1, 2), align_corners=True).flatten() > 0
        x = places[held] * shrink
        own = self.torso_individual_codes[0]
        parts = [frequencies(x, 10), torch.cat([pose_code(pose), own]).expand(len(x), -1)]
        if self.head_aware:
            parts.append(self.head_color_weights_encoder(torch.cat([head.colour, head.alpha[:, None]], dim=-1)[held]))
        inputs = torch.cat(parts, dim=-1)
        x = (x + self.torso_deform_net(inputs)).clamp(-1, 1)
        raw = torch.sigmoid(self.torso_canonicial_net(torch.cat([self.torso_embedder(x), inputs], dim=-1)))
        alpha, colour = places.new_zeros(len(places)), places.new_zeros(len(places), 3)
        alpha[held], colour[held] = raw[:, 0], raw[:, :1] * raw[:, 1:]
        return Seen(colour, alpha)


def picture_places(height: int, width: int, device: torch.device) -> Tensor:
    """Return (row, column) of every pixel in [-1, 1], the first and the last at the ends: (H * W, 2)."""
    rows = torch.linspace(-1, 1, height, device=device)
    columns = torch.linspace(-1, 1, width, device=device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)


def centre_rays(height: int, width: int, focal: float, pose: Tensor) -> Tensor:
    """Return unit directions (H * W, 3) through the centres of pixels, row by row, in the world of `pose`."""
    device = pose.device
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    x, y = (columns - width / 2) / focal, (rows - height / 2) / focal
    directions = torch.stack([x, y, torch.ones_like(x)], dim=-1).flatten(0, 1)
    return F.normalize(directions, dim=-1) @ pose[:3, :3].T
