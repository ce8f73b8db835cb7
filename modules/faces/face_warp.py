"""Warp pictures by landmarks with a thin-plate spline, differentiable in the picture and in both sets of landmarks.

Convention:
    Landmarks are normalised: x right, y down, -1 and +1 the outer edges of the picture, so that the centre of pixel
    (i, j) of a picture of side S is (2 j + 1) / S - 1, (2 i + 1) / S - 1, as for `grid_sample(align_corners=False)`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from kornia.geometry.transform import warp_points_tps
from torch import Tensor
from torch.nn import functional as F

RIDGE = 1e-4
"""Softens the spline, so that landmarks that lie on each other do not tear it."""
STRIDE = 4
"""The displacement is worked out at every fourth pixel and interpolated: it is smooth."""


def warp_face(
    picture: Float[Tensor, "B C H W"],
    source: Float[Tensor, "B P 2"],
    target: Float[Tensor, "B P 2"],
    *,
    ridge: float = RIDGE,
    stride: int = STRIDE,
) -> Float[Tensor, "B C H W"]:
    """Move what lies at `source` to `target`; the border of the picture stays.

    Args:
        picture: Any channels.
        source: Landmarks in `picture`, normalised.
        target: Where they are to be, normalised. No two points of a face may be the same one twice.
        ridge: 0 hits the landmarks exactly, and fails when two targets coincide.
        stride: Work the displacement out at every so-manyth pixel.
    """
    with torch.autocast(picture.device.type, enabled=False):
        flow = displacement(source.float(), target.float(), picture.shape[-2:], ridge=ridge, stride=stride)
        grid = pixel_grid(picture.shape[-2], picture.shape[-1], picture.device) + flow
        return F.grid_sample(picture.float(), grid, align_corners=False, padding_mode="border").to(picture.dtype)


def displacement(
    source: Float[Tensor, "B P 2"],
    target: Float[Tensor, "B P 2"],
    size: tuple[int, int] | torch.Size,
    *,
    ridge: float = RIDGE,
    stride: int = STRIDE,
) -> Float[Tensor, "B H W 2"]:
    """Return for each pixel how far from it to read, in normalised units."""
    height, width = size
    anchors = border(source.device, source.dtype).expand(len(source), -1, -1)
    centres = torch.cat([target, anchors], dim=1)
    back = torch.cat([source - target, torch.zeros_like(anchors)], dim=1)
    kernel_weights, affine = fit_spline(centres, back, ridge=ridge)
    rows, columns = -(-height // stride), -(-width // stride)
    coarse = pixel_grid(rows, columns, source.device, source.dtype).reshape(1, rows * columns, 2)
    flow = warp_points_tps(coarse.expand(len(source), -1, -1), centres, kernel_weights, affine)
    flow = flow.unflatten(1, (rows, columns))
    if stride == 1:
        return flow
    fine = F.interpolate(flow.permute(0, 3, 1, 2), (height, width), mode="bicubic", align_corners=False)
    return fine.permute(0, 2, 3, 1)


def fit_spline(
    centres: Float[Tensor, "B K 2"], values: Float[Tensor, "B K 2"], *, ridge: float = 0.0
) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B 3 2"]]:
    """Return kernel and affine weights of the spline that has `values` at `centres`; `warp_points_tps` takes them.

    kornia's own solver puts the kernels at the values, which is another spline, and knows no ridge.
    """
    batch, count, _ = centres.shape
    squared = (centres[:, :, None] - centres[:, None]).square().sum(-1)
    kernel = 0.5 * squared * torch.where(squared > 0, squared, torch.ones_like(squared)).log()
    kernel = kernel + ridge * torch.eye(count, dtype=centres.dtype, device=centres.device)
    plane = torch.cat([torch.ones_like(centres[..., :1]), centres], dim=-1)
    corner = centres.new_zeros(batch, 3, 3)
    system = torch.cat([torch.cat([kernel, plane], -1), torch.cat([plane.mT, corner], -1)], dim=1)
    wanted = torch.cat([values, centres.new_zeros(batch, 3, 2)], dim=1)
    solved = torch.linalg.solve(system, wanted)
    return solved[:, :count], solved[:, count:]


def pixel_grid(
    height: int, width: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "H W 2"]:
    """Return the normalised x, y of every pixel's centre."""
    y = (2 * torch.arange(height, device=device, dtype=dtype) + 1) / height - 1
    x = (2 * torch.arange(width, device=device, dtype=dtype) + 1) / width - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def border(device: torch.device, dtype: torch.dtype = torch.float32, per_side: int = 4) -> Float[Tensor, "K 2"]:
    """Return anchors along the picture's edge, which the warp leaves where they are."""
    t = torch.linspace(-1, 1, per_side + 1, device=device, dtype=dtype)[:-1]
    one = torch.ones_like(t)
    sides = [torch.stack(pair, -1) for pair in ((t, -one), (one, t), (-t, one), (-one, -t))]
    return torch.cat(sides)


def to_normalised(points_px: Float[Tensor, "*B P 2"], size: int) -> Float[Tensor, "*B P 2"]:
    """Turn pixels of a square picture (origin at its top left corner) into normalised landmarks."""
    return points_px * (2 / size) - 1


def to_pixels(landmarks: Float[Tensor, "*B P 2"], size: int) -> Float[Tensor, "*B P 2"]:
    """Turn normalised landmarks into pixels of a square picture."""
    return (landmarks + 1) * (size / 2)
