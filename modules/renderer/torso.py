"""The torso: a plane of features in the picture, bent by the head's pose, seen behind the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TorsoPlane(nn.Module):
    """Paint the torso from a 2-D feature plane.

    Args:
        features: Channels of a ray's features, the same as the head's.
        size: Resolution of the plane.
        use_color: Whether the torso sees the head's colour and alpha at each ray, to meet it without a gap.
        lattice: Points per side of the bending field.

    Shapes:
        places: (B, h, w, 2) where rays fall in the picture, [-1, 1] across its width and height.
        pose: (B, 12) normalised camera pose.
        head: (B, features + 1, h, w) head features and alpha.
        returns: features (B, features, h, w), premultiplied, and alpha (B, 1, h, w).
    """

    def __init__(self, features: int, *, size: int = 256, use_color: bool = True, lattice: int = 32) -> None:
        super().__init__()
        self.features, self.use_color, self.lattice = features, use_color, lattice
        self.plane = nn.Parameter(0.05 * torch.randn(1, features + 1, size, size))
        self.pose = nn.Sequential(nn.Linear(12, 64), nn.LeakyReLU(0.02), nn.Linear(64, 64), nn.LeakyReLU(0.02))
        self.bend = nn.Linear(64, 2 * lattice * lattice)
        self.tint = nn.Conv2d(features + 1 + 64 + (4 if use_color else 0), 32, 1)
        self.paint = nn.Conv2d(32, features + 1, 1)
        for layer in (self.bend, self.paint):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    @torch.no_grad()
    def begin_with(self, picture: Tensor, mask: Tensor) -> None:
        """Start from a mean picture (3, H, W) of the torso and its mean mask (1, H, W), both in [0, 1]."""
        known = torch.cat([picture, mask])[None]
        known = F.interpolate(known, self.plane.shape[-2:], mode="bilinear", antialias=True)
        start = torch.logit(known.clamp(0.02, 0.98)) / 4
        self.plane[:, :3], self.plane[:, -1:] = start[:, :3], start[:, 3:]

    def warp(self, pose: Tensor, places: Tensor) -> Tensor:
        """Return (B, h, w, 2) shifts of the places where the plane is read."""
        field = 0.1 * self.bend(self.pose(pose)).view(len(pose), 2, self.lattice, self.lattice)
        shift = F.grid_sample(field, places, padding_mode="border", align_corners=False)
        return shift.permute(0, 2, 3, 1)

    def forward(self, places: Tensor, pose: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
        read = places + self.warp(pose, places)
        plane = self.plane.expand(len(pose), -1, -1, -1)
        sampled = F.grid_sample(plane, read, padding_mode="border", align_corners=False)
        known = [sampled, self.pose(pose)[:, :, None, None].expand(-1, -1, *sampled.shape[2:])]
        if self.use_color:
            known += [head[:, :3], head[:, -1:]]
        raw = sampled + self.paint(F.relu(self.tint(torch.cat(known, dim=1))))
        alpha = torch.sigmoid(4 * raw[:, -1:])
        features = torch.cat([torch.sigmoid(4 * raw[:, :3]), 4 * raw[:, 3:-1]], dim=1)
        return alpha * features, alpha
