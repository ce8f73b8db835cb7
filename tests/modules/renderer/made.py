"""Little renderers, and what they look at."""

from __future__ import annotations

import torch

from modules.renderer.field import BlendPlaneHead
from modules.renderer.inference import FrameRenderer
from modules.renderer.layers.torso import TorsoLayer
from modules.renderer.rays import ray_grid
from modules.renderer.renderer import Renderer
from modules.renderer.scene import Scene
from modules.renderer.vanilla import VanillaHead


def make(
    upsample: int = 2,
    *,
    bases: int = 4,
    fine: int = 4,
    height: int = 32,
    width: int = 32,
    torso: bool = False,
    vanilla: bool = False,
) -> Renderer:
    torch.manual_seed(0)
    scene = Scene()
    scene.size.copy_(torch.tensor([height, width]))
    scene.focal.copy_(torch.tensor(1.5 * height))
    scene.plate = torch.zeros(height, width, 3, dtype=torch.uint8)
    head: BlendPlaneHead | VanillaHead
    if vanilla:
        head = VanillaHead(scene.box, samples=6, fine_samples=fine)
    else:
        head = BlendPlaneHead(
            scene.box, scene.face_box, bases=bases, plane_size=16, dynamic_size=8, grid_size=8, channels=8, samples=6,
            fine_samples=fine,
        )  # fmt: skip
        torch.nn.init.normal_(head.planes, std=1.0)
        torch.nn.init.normal_(head.bases, std=2.0)
    plane = TorsoLayer(size=16, motion_dim=2, bases=2) if torso else None
    renderer = Renderer(scene, head, upsample=upsample, torso=plane)
    if upsample > 1:
        torch.nn.init.normal_(renderer.decoder.leave.weight, std=0.1)
    return renderer


def look(renderer: Renderer, frames: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return landmark windows, cameras and a whole map of rays."""
    height, width = (int(side) for side in renderer.scene.size)
    up = renderer.upsample
    uv = ray_grid(-(-height // up), -(-width // up), float(up))
    pose = torch.eye(4)
    pose[2, 3] = 8.0
    return torch.randn(frames, 5, 68, 3), pose.expand(frames, 4, 4), uv.expand(frames, *uv.shape)


def painted_torso() -> TorsoLayer:
    torso = TorsoLayer(size=64, motion_dim=2, bases=2)
    row = torch.linspace(0.2, 0.8, 32)
    torso.begin_with(torch.stack([row.expand(32, 32), row[:, None].expand(32, 32), torch.full((32, 32), 0.5)]),
                     (torch.arange(32) > 15).float()[None, :, None].expand(1, 32, 32))  # fmt: skip
    return torso


def ball(renderer: Renderer, radius: float = 0.5) -> Renderer:
    """Empty the grid of a renderer but for a ball of this radius, in half boxes."""
    head = renderer.head
    head.grid_size = 16
    head.grid_bases = torch.nn.Parameter(torch.zeros(head.bases_count, 16**3))
    head.grid = torch.nn.Parameter(torch.zeros(16**3))
    side = torch.linspace(-1, 1, head.grid_size)
    z, y, x = torch.meshgrid(side, side, side, indexing="ij")
    head.grid.data.copy_(torch.where(x * x + y * y + z * z < radius**2, 2.0, -9.0).flatten())
    return renderer


def jobs(renderer: Renderer, frames: FrameRenderer, count: int) -> list[tuple]:
    """Return what `count` frames are rendered from: other landmarks, poses and backdrops for each."""
    torch.manual_seed(1)
    landmarks, cameras, _ = look(renderer, count)
    cameras = cameras.clone()
    cameras[:, :3, 3] += 0.3 * torch.randn(count, 3)
    backdrops = torch.randint(0, 255, (count, frames.height, frames.width, 3), dtype=torch.uint8)
    code = frames.encode(landmarks)
    return [(code, k, landmarks[k, 2], cameras[k], backdrops[k], None) for k in range(count)]
