"""What the landmarks say about a frame: a code, blend weights, and maps of where the points fall in the picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from modules.renderer.rays import project

POINT_GROUPS: tuple[tuple[int, ...], ...] = (
    tuple(range(17)),  # jaw
    tuple(range(17, 27)),  # brows
    tuple(range(27, 36)),  # nose
    (37, 38, 43, 44),  # upper lids
    (40, 41, 46, 47),  # lower lids
    (36, 39, 42, 45),  # corners of the eyes
    (48, 54, 60, 64),  # corners of the mouth
    tuple(range(49, 54)),  # upper lip, outside
    tuple(range(55, 60)),  # lower lip, outside
    (61, 62, 63),  # upper lip, inside
    (65, 66, 67),  # lower lip, inside
)


class FrameCode(NamedTuple):
    """What conditions a frame: code (B, D) and blend weights (B, K) in [-3, 3]."""

    code: Tensor
    weights: Tensor


def soft_clamp(values: Tensor, limit: float = 3.0) -> Tensor:
    """Keep values (...) within `limit`, and nearly as they are up to half of it.

    A plain tanh was tried for the blend weights: training drives it to its ends within some hundred updates, half of
    the weights then never change again, and the mouth opens too little.
    """
    return limit * torch.tanh(values / limit)


class WindowAttention(nn.Module):
    """Weigh the frames of a window by what they hold, and add them up (GeneFace's smoothing attention and names).

    Shapes:
        codes: (B, W, dim) one code per frame of the window.
        returns: (B, dim).
    """

    def __init__(self, dim: int, window: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((dim, 16), (16, 8), (8, 4), (4, 2), (2, 1)):
            layers += [nn.Conv1d(before, after, 3, padding=1), nn.LeakyReLU(0.02)]
        self.attentionConvNet = nn.Sequential(*layers)
        self.attentionNet = nn.Sequential(nn.Linear(window, window), nn.Softmax(dim=1))

    def forward(self, codes: Float[Tensor, "B W dim"]) -> Float[Tensor, "B dim"]:
        weights = self.attentionNet(self.attentionConvNet(codes.transpose(1, 2)).squeeze(1))
        return torch.einsum("bw,bwd->bd", weights, codes)


class LandmarkCode(nn.Module):
    """Read a short window of landmarks into the code and the blend weights of its middle frame.

    Args:
        window: Frames in the window (`smo_win_size`).
        dim: Width of the code (`cond_dim`).
        bases: Blend weights wanted (K).

    Shapes:
        landmarks: (B, W, 68, 3) normalised offsets (mean 0, deviation 1 over the training frames).
        returns: FrameCode, code (B, dim), weights (B, K).
    """

    def __init__(self, window: int, dim: int, bases: int) -> None:
        super().__init__()
        self.frame = nn.Sequential(
            nn.Linear(68 * 3, 128), nn.LeakyReLU(0.02), nn.Linear(128, 128), nn.LeakyReLU(0.02), nn.Linear(128, dim)
        )
        self.attention = WindowAttention(dim, window)
        self.blend = nn.Linear(dim, bases) if bases else None
        # Torch's own start shrinks the differences between frames to a tenth; then the mouth learns to move last.
        for layer in (*self.frame, self.blend):
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=(1.4 if layer is not self.blend else 0.35) / layer.in_features**0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, landmarks: Float[Tensor, "B W 68 3"]) -> FrameCode:
        code = self.attention(self.frame(landmarks.flatten(2)))
        return FrameCode(code, soft_clamp(self.blend(code)) if self.blend is not None else code[:, :0])


def landmark_maps(
    points: Tensor,
    world_from_camera: Tensor,
    columns: Tensor,
    rows: Tensor,
    focal: Tensor | float,
    size: tuple[float, float],
    spread: float,
) -> Tensor:
    """Draw the projected landmarks as soft dots, one channel per group of points.

    Args:
        points: (68, 3) landmarks in the head frame, eye distances.
        world_from_camera: (4, 4) pose of the camera.
        columns: (w,) horizontal positions of the map's rays, pixels.
        rows: (h,) vertical positions, pixels.
        focal: Focal length, pixels.
        size: Height and width of the image, pixels.
        spread: Standard deviation of a dot, pixels.

    Returns:
        (groups, h, w); a dot is 1 at its centre, close dots add up.
    """
    uv = project(points, world_from_camera, focal, size)
    across = torch.exp(-0.5 * ((columns[None] - uv[:, :1]) / spread).square())
    down = torch.exp(-0.5 * ((rows[None] - uv[:, 1:]) / spread).square())
    return torch.stack([down[list(group)].T @ across[list(group)] for group in POINT_GROUPS])


def windows(landmarks: Tensor, size: int) -> Tensor:
    """Cut (T, ...) into centred windows (T, size, ...); the first and last frames repeat beyond the ends."""
    offsets = torch.arange(size) - size // 2
    index = (torch.arange(len(landmarks))[:, None] + offsets).clamp(0, len(landmarks) - 1)
    return landmarks[index]


def add_noise(landmarks: Tensor, share: float) -> Tensor:
    """Shake windows (T, window, 68, 3) of normalised landmarks by `share` of their deviation.

    Alike in all frames of a window, and by half of it in each.
    """
    if share == 0:
        return landmarks
    return landmarks + share * (torch.randn_like(landmarks[:, :1]) + 0.5 * torch.randn_like(landmarks))
