"""GeneFace's NeRF as it was trained: its cameras, its samples, and the second NeRF that draws the torso.

Only for rendering with imported weights; `vanilla.py` holds the same two MLPs for training here. What the original does
at random when it renders (the places of samples) is done at fixed places here.

Convention: the world is the original's (metres, the face near the origin), the camera looks along -z, and a ray is not
of unit length: its z-component in the camera is -1, so that `near` and `far` are depths. Rays pass through the pixels'
corners (0, 0), (1, 0), ..., not their centres.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.renderer.landmark_code import WindowAttention
from modules.renderer.vanilla import RadianceMLP, frequencies

STRIDES = {1: (1, 1, 1, 1), 2: (2, 1, 1, 1), 4: (2, 2, 1, 1), 8: (2, 2, 2, 1), 16: (2, 2, 2, 2)}
"""Strides of the four convolutions, which bring a window of so many rows to one."""
CHUNK = 512
"""Rays rendered at once."""
FARTHEST = 1e10
"""Length of ray that the last sample stands for: it takes what light is left."""


class ConditionEncoder(nn.Module):
    """Encode a window of features of one frame, (B, window, channels) -> (B, 64)."""

    def __init__(self, channels: int, window: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = (channels, 32, 32, 64, 64)
        for before, after, stride in zip(widths, widths[1:], STRIDES[window], strict=False):
            layers += [nn.Conv1d(before, after, 3, stride, 1), nn.LeakyReLU(0.02)]
        self.encoder_conv = nn.Sequential(*layers)
        self.encoder_fc1 = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.02), nn.Linear(64, 64))

    def forward(self, rows: Float[Tensor, "B window channels"]) -> Float[Tensor, "B 64"]:
        return self.encoder_fc1(self.encoder_conv(rows.transpose(1, 2)).squeeze(-1))  # type: ignore[no-any-return]


class Summed(NamedTuple):
    """What rays (N,) add up to: colour over the background (N, 3), without it (N, 3), the background's weight (N,)."""

    colour: Tensor
    foreground: Tensor
    last_weight: Tensor


class GenefaceNerf(nn.Module):
    """A coarse and a fine MLP, and what turns the condition of a frame into 64 numbers.

    Args:
        channels: Width of a condition row: 204 for landmarks, 29 for DeepSpeech.
        window: Rows of a frame's window: 1 for landmarks, 16 for DeepSpeech.
        smooth: Frames that the attention smooths over.
        extra: Width of what is laid beside the code for the MLPs.
        use_color: Whether 16 of `extra` come from the head's colour at the ray.

    Shapes:
        windows: (smooth, window, channels) around one frame.
        returns of `encode`: (64,).
    """

    def __init__(self, channels: int, window: int, smooth: int, *, extra: int = 0, use_color: bool = False) -> None:
        super().__init__()
        self.names = ("lm_encoder", "lmatt_encoder") if window == 1 else ("aud_net", "audatt_net")
        self.model_coarse = RadianceMLP(64 + extra)
        self.model_fine = RadianceMLP(64 + extra)
        self.add_module(self.names[0], ConditionEncoder(channels, window))
        self.add_module(self.names[1], WindowAttention(64, smooth))
        self.color_encoder: nn.Sequential | None = None
        if use_color:
            self.color_encoder = nn.Sequential(
                nn.Linear(3, 16), nn.LeakyReLU(0.02), nn.Linear(16, 32), nn.LeakyReLU(0.02), nn.Linear(32, 16)
            )

    def encode(self, windows: Tensor, *, attention: bool = True) -> Tensor:
        """Encode the frames of a window (window, rows, channels), (64,); without attention only the middle one."""
        codes = self.get_submodule(self.names[0])(windows)
        if not attention:
            return codes[len(codes) // 2]  # type: ignore[no-any-return]
        return self.get_submodule(self.names[1])(codes[None])[0]  # type: ignore[no-any-return]

    def render(self, code: Tensor, rays: PinholeRays, background: Tensor, samples: tuple[int, int]) -> Summed:
        """Sum the fine network along rays.

        Args:
            code: (64 + extra,) for all rays, or (N, 64 + extra).
            rays: N rays.
            background: (N, 3) in [0, 1], seen at the far end.
            samples: Samples of the coarse network, and further ones of the fine network.
        """
        share = torch.linspace(0, 1, samples[0], device=background.device)
        depth = (rays.near * (1 - share) + rays.far * share).expand(len(background), -1)
        coarse, weights = self._sum(self.model_coarse, code, rays, depth, background)
        if not samples[1]:
            return coarse
        middle = (depth[:, 1:] + depth[:, :-1]) / 2
        more = sample_bins(middle, weights[:, 1:-1], samples[1])
        depth = torch.cat([depth, more], dim=-1).sort(dim=-1).values
        return self._sum(self.model_fine, code, rays, depth, background)[0]

    def _sum(
        self, net: RadianceMLP, code: Tensor, rays: PinholeRays, depth: Tensor, background: Tensor
    ) -> tuple[Summed, Tensor]:
        points = rays.origin + depth[..., None] * rays.directions[:, None]
        view = F.normalize(rays.directions, dim=-1)[:, None].expand_as(points)
        if code.dim() == 2:
            code = code[:, None].expand(-1, depth.shape[1], -1).flatten(0, 1)
        density, colour = net(points.flatten(0, 1), view.flatten(0, 1), code)
        lengths = F.pad(depth.diff(dim=-1), (0, 1), value=FARTHEST) * rays.directions.norm(dim=-1, keepdim=True)
        absorbed = (F.relu(density).view_as(depth) + 1e-6) * lengths
        weights = torch.exp(-F.pad(absorbed.cumsum(dim=-1)[:, :-1], (1, 0))) * -torch.expm1(-absorbed)
        shown = torch.sigmoid(colour).view(*depth.shape, 3)
        foreground = (weights[:, :-1, None] * shown[:, :-1]).sum(dim=1)
        last = weights[:, -1]
        return Summed(foreground + last[:, None] * background, foreground, last), weights


class PinholeRays(NamedTuple):
    """Rays of one camera: origin (3,), directions (N, 3) of depth 1, and the depths they are sampled between."""

    origin: Tensor
    directions: Tensor
    near: float
    far: float


def pinhole_rays(
    height: int, width: int, focal: float, world_from_camera: Tensor, near: float, far: float
) -> PinholeRays:
    """Return the rays (height * width, 3) of a picture, row by row.

    Args:
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        focal: In pixels of that picture.
        world_from_camera: (4, 4), OpenGL axes.
        near: Where rays begin, in units of the scene.
        far: Where they end.
    """
    device = world_from_camera.device
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    x, y = (columns - width / 2) / focal, (height / 2 - rows) / focal
    directions = torch.stack([x, y, -torch.ones_like(x)], dim=-1) @ world_from_camera[:3, :3].T
    return PinholeRays(world_from_camera[:3, 3], directions.flatten(0, 1), near, far)


def sample_bins(edges: Tensor, weights: Tensor, count: int) -> Tensor:
    """Place `count` samples (N, count) between `edges` (N, S + 1), as dense as the `weights` (N, S) of the bins."""
    padded = weights + 1e-5
    cdf = F.pad((padded / padded.sum(dim=-1, keepdim=True)).cumsum(dim=-1), (1, 0))
    wanted = torch.linspace(0, 1, count, device=edges.device).expand(len(edges), -1).contiguous()
    above = torch.searchsorted(cdf, wanted, right=True).clamp(max=cdf.shape[-1] - 1)
    below = (above - 1).clamp(min=0)
    low, high = cdf.gather(1, below), cdf.gather(1, above)
    step = torch.where(high - low < 1e-5, torch.ones_like(low), high - low)
    start, stop = edges.gather(1, below), edges.gather(1, above)
    return start + (wanted - low) / step * (stop - start)


def euler_xyz(rotation: Tensor) -> Tensor:
    """Return the angles (3,) about the fixed axes x, then y, then z that make up a rotation (3, 3), radians."""
    x = torch.atan2(rotation[2, 1], rotation[2, 2])
    y = torch.asin((-rotation[2, 0]).clamp(-1, 1))
    z = torch.atan2(rotation[1, 0], rotation[0, 0])
    return torch.stack([x, y, z])


class TorsoNerf(GenefaceNerf):
    """Draw the torso over the head; it hears the speech itself, and sees the head's pose and colour.

    The torso stands still before the camera of the first frame; what the head's pose does to it is for its MLPs to say.
    """

    def __init__(self, *, use_color: bool) -> None:
        super().__init__(29, 16, 8, extra=78 + (16 if use_color else 0), use_color=use_color)

    def code(self, speech: Tensor, camera: Tensor) -> Tensor:
        """Join what is known of a frame besides colour, (142,): speech windows (8, 16, 29) and the pose (4, 4)."""
        pose = [frequencies(part, 6) for part in (euler_xyz(camera[:3, :3]), camera[:3, 3])]
        return torch.cat([self.encode(speech), *pose])

    def render_condition(self, code: Tensor, head: Tensor) -> Tensor:
        """Lay what the head's colours (N, 3) say beside the code: (N, 142 or 158)."""
        whole = code.expand(len(head), -1)
        return whole if self.color_encoder is None else torch.cat([whole, self.color_encoder(head)], dim=-1)

    def over(self, head: Tensor, code: Tensor, rays: PinholeRays, samples: tuple[int, int]) -> Tensor:
        """Lay the torso over the head's rendered colours (N, 3): (N, 3)."""
        torso = self.render(self.render_condition(code, head), rays, head, samples)
        return torso.foreground + torso.last_weight[:, None] * head
