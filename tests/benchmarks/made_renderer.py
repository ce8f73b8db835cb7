"""A renderer without training whose head and torso cover as much of the picture as a person's."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from modules.renderer.field import BlendPlaneHead
from modules.renderer.inference import FrameRenderer
from modules.renderer.layers.torso import TorsoLayer
from modules.renderer.renderer import Renderer
from modules.renderer.scene import Scene


class Row(NamedTuple):
    """One setting: picture side, pixels per ray, samples, plane resolutions, torso."""

    size: int
    upsample: int
    samples: int
    fine: int
    planes: int
    dynamic: int
    torso: bool = False


def make(row: Row) -> Renderer:
    """Build a renderer whose grid holds an ellipsoid as large as a head in a portrait, over a torso if there is one."""
    torch.manual_seed(0)
    scene = Scene()
    scene.size.copy_(torch.tensor([row.size, row.size]))
    scene.focal.copy_(torch.tensor(2.0 * row.size))
    scene.plate = torch.zeros(row.size, row.size, 3, dtype=torch.uint8)
    head = BlendPlaneHead(
        scene.box,
        scene.face_box,
        plane_size=row.planes,
        dynamic_size=row.dynamic,
        samples=row.samples,
        fine_samples=row.fine,
    )
    side = torch.linspace(-1, 1, head.grid_size)
    z, y, x = torch.meshgrid(side, side, side, indexing="ij")
    inside = (x / 0.72).square() + (y / 0.72).square() + (z / 0.8).square() < 1
    head.grid.data.copy_(torch.where(inside, 2.0, -12.0).flatten())
    torso = None
    if row.torso:
        torso = TorsoLayer(size=row.size)
        torso.texture.data[:, :3] = 0.5
        torso.texture.data[:, 3] = torch.where(torch.linspace(-1, 1, row.size) > 0.3, 1.0, -2.0)[:, None]
    return Renderer(scene, head, upsample=row.upsample, torso=torso).eval()


def made_jobs(draw: FrameRenderer, count: int) -> list[tuple[Any, ...]]:
    """Return arguments of `FrameRenderer` for frames with random landmarks and a camera that sways a little."""
    torch.manual_seed(0)
    device = draw.uv.device
    code = draw.encode(torch.randn(count, 5, 68, 3, device=device))
    landmarks = torch.randn(count, 68, 3, device=device)
    cameras = torch.eye(4, device=device).repeat(count, 1, 1)
    cameras[:, 2, 3] = 10.0
    cameras[:, :2, 3] = 0.2 * torch.sin(torch.arange(count, device=device) / 5)[:, None]
    backdrop = torch.full((draw.height, draw.width, 3), 255, dtype=torch.uint8, device=device)
    return [(code, k, landmarks[k], cameras[k], backdrop, None) for k in range(count)]
