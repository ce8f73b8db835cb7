"""The torso: a picture of it at full resolution, bent and tinted from frame to frame, behind the head."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

REACH = 0.15
"""How far the torso's picture can be bent, in half widths of the frame."""
BORDER = 1.1
"""The torso's picture reaches so far beyond the frame: what is below its edge comes into view when shoulders rise."""


class TorsoLayer(nn.Module):
    """Paint the torso: one picture with alpha, read through a bending lattice, plus a few blended pictures of change.

    It is a layer of pixels and not of rays: cloth has far more detail than a ray map can carry, and moves little. What
    moves it is the head's pose and a short code of how the shoulders lie in a frame of the footage; for poses that are
    not the footage's the code is guessed from the pose.

    Args:
        size: Resolution of the picture; it covers the frame and a little more, whatever the frame's shape.
        motion_dim: Width of the code of the shoulders.
        bases: Blended pictures of change (folds, shadows), at a quarter of the resolution.
        lattice: Points per side of the bending field.

    Shapes:
        places: (B, H, W, 2) pixel centres, [-1, 1] across the frame's width and height.
        code: (B, 12 + motion_dim) from `code`.
        returns: colour (B, 3, H, W), premultiplied, and alpha (B, 1, H, W).
    """

    motion: Tensor
    motion_from_pose: Tensor

    def __init__(self, *, size: int = 512, motion_dim: int = 8, bases: int = 8, lattice: int = 32) -> None:
        super().__init__()
        self.lattice = lattice
        self.texture = nn.Parameter(torch.zeros(1, 4, size, size))
        self.changes = nn.Parameter(torch.zeros(bases, 4, max(8, size // 4), max(8, size // 4)))
        self.drive = nn.Sequential(
            nn.Linear(12 + motion_dim, 64), nn.LeakyReLU(0.02), nn.Linear(64, 64), nn.LeakyReLU(0.02)
        )
        self.bend = nn.Linear(64, 2 * lattice * lattice)
        self.blend = nn.Linear(64, bases)
        for parameter in self.bend.parameters():
            nn.init.zeros_(parameter)
        self.register_buffer("motion", torch.zeros(1, motion_dim))
        self.register_buffer("motion_from_pose", torch.zeros(13, motion_dim))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: object) -> None:
        kept = state_dict.get(prefix + "motion")
        if kept is not None and len(kept) != len(self.motion):
            self.motion = self.motion.new_zeros(kept.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def begin_with(self, picture: Tensor, mask: Tensor) -> None:
        """Start from a mean picture (3, H, W) of the torso and its mean mask (1, H, W), both in [0, 1]."""
        layers = torch.cat([picture, torch.logit(mask.clamp(0.004, 0.996)) / 4])[None]
        side = self.texture.shape[-1]
        across = torch.linspace(-BORDER, BORDER, side, device=layers.device) * (side - 1) / side
        places = torch.stack(torch.meshgrid(across, across, indexing="xy"), dim=-1)[None]
        self.texture.copy_(F.grid_sample(layers, places, padding_mode="border", align_corners=False))

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the pictures, which learn at their own rate."""
        return [self.texture, self.changes]

    def code(self, pose: Tensor, frame_ids: Tensor | None) -> Tensor:
        """Return what drives the torso, (B, 12 + motion_dim).

        Args:
            pose: (B, 12) normalised camera poses.
            frame_ids: (B,) frames of the footage whose shoulders are shown; None guesses them from the pose.
        """
        if frame_ids is None:
            motion = torch.cat([pose, torch.ones_like(pose[:, :1])], dim=1) @ self.motion_from_pose
        else:
            motion = self.motion[frame_ids.clamp(max=len(self.motion) - 1)]
        return torch.cat([pose, motion], dim=1)

    def forward(
        self, places: Float[Tensor, "B H W 2"], code: Float[Tensor, "B code"]
    ) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
        hidden = self.drive(code)
        lattice = REACH * torch.tanh(self.bend(hidden)).view(len(code), 2, self.lattice, self.lattice)
        shift = F.grid_sample(lattice, places, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
        read = (places + shift) / BORDER
        change = torch.einsum("bk,kchw->bchw", self.blend(hidden), self.changes)
        texture = self.texture.expand(len(code), -1, -1, -1)
        layers = F.grid_sample(texture, read, padding_mode="border", align_corners=False)
        layers = layers + F.grid_sample(change, read, padding_mode="border", align_corners=False)
        alpha = torch.sigmoid(4 * layers[:, 3:])
        return alpha * layers[:, :3], alpha

    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom in [-1, 1] of the part of the frame that the torso can reach."""
        solid = torch.sigmoid(4 * self.texture[0, 3].detach()) > 0.006
        edges = []
        for solid_along in (solid.any(dim=0), solid.any(dim=1)):
            places = solid_along.nonzero()
            if not len(places):
                return -1.0, -1.0, -1.0, -1.0
            scale = 2 * BORDER / len(solid_along)
            edges += [float(places[0]) * scale - BORDER - REACH, float(places[-1] + 1) * scale - BORDER + REACH]
        return max(-1.0, edges[0]), max(-1.0, edges[2]), min(1.0, edges[1]), min(1.0, edges[3])
