"""Rays of a camera: where they start, where they point, and which part of them crosses the box of the scene.

Convention: OpenGL camera (looks along -z), world = head frame, origin of pixels at the top-left corner of the
image, so the centre of the first pixel is (0.5, 0.5). `focal` is in pixels of the image that `size` describes.

Rotations are sums here and not matrix products: those a GPU rounds to ten bits while it trains, and autocast to seven,
which is a pixel and more.
"""

from __future__ import annotations

import torch
from torch import Tensor


def ray_grid(height: int, width: int, pitch: float, *, device: torch.device | None = None) -> Tensor:
    """Return the image positions (height, width, 2) of a map of rays, `pitch` pixels apart, as (u, v)."""
    rows = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) * pitch
    columns = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) * pitch
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)


def turned(rotation: Tensor, directions: Tensor) -> Tensor:
    """Return `rotation` (..., 3, 3) times directions (3, N), (..., 3, N)."""
    return (rotation[..., None] * directions).sum(dim=-2)


def ray_directions(uv: Tensor, world_from_camera: Tensor, focal: Tensor | float, size: tuple[float, float]) -> Tensor:
    """Return unit directions in the head frame of the rays through `uv`.

    Args:
        uv: (..., 2) positions in pixels.
        world_from_camera: (4, 4) pose of the camera.
        focal: Focal length, pixels.
        size: Height and width of the image, pixels.

    Returns:
        (..., 3) unit vectors.
    """
    height, width = size
    x = (uv[..., 0] - width / 2) / focal
    y = (height / 2 - uv[..., 1]) / focal
    in_camera = torch.stack([x, y, -torch.ones_like(x)], dim=-1)
    return torch.nn.functional.normalize((in_camera[..., None, :] * world_from_camera[:3, :3]).sum(dim=-1), dim=-1)


def project(points: Tensor, world_from_camera: Tensor, focal: Tensor | float, size: tuple[float, float]) -> Tensor:
    """Return the pixels (..., 2) at which `points` (..., 3) of the head frame are seen."""
    height, width = size
    in_camera = ((points - world_from_camera[:3, 3])[..., None] * world_from_camera[:3, :3]).sum(dim=-2)
    depth = (-in_camera[..., 2]).clamp(min=1e-3)
    u = width / 2 + focal * in_camera[..., 0] / depth
    v = height / 2 - focal * in_camera[..., 1] / depth
    return torch.stack([u, v], dim=-1)


def box_span(origin: Tensor, directions: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances at which rays enter and leave a box.

    Args:
        origin: (3,) the camera's centre.
        directions: (N, 3) unit vectors.
        box: (2, 3) lowest and highest corner.

    Returns:
        near, far: (N,) each; a ray that misses the box has far <= near.
    """
    safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    to_low, to_high = (box[0] - origin) / safe, (box[1] - origin) / safe
    near = torch.minimum(to_low, to_high).amax(dim=-1).clamp(min=0)
    return near, torch.maximum(to_low, to_high).amin(dim=-1)
