"""Milliseconds per rendered frame, for several settings of the renderer, against GeneFace's own NeRF.

    python -m tests.benchmarks.render [--frames 20] [--threads 1]

Networks are untrained, but their density is a made head that covers a quarter of the picture, so that as many rays
hit as with a trained one. GeneFace's vanilla NeRF is timed on one chunk of 512 rays and extrapolated to the picture
(its frame takes minutes). CPU seconds are counted, not wall time: another job on the machine does not change them much.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from modules.renderer.field import BlendPlaneHead, Rays
from modules.renderer.inference import FrameRenderer, fast_dtype
from modules.renderer.renderer import Renderer
from modules.renderer.scene import Scene
from modules.renderer.torso import TorsoPlane
from modules.renderer.vanilla import VanillaHead

CHUNK = 512


class Row(NamedTuple):
    """One setting: picture side, pixels per ray, samples, plane resolutions, torso."""

    size: int
    upsample: int
    samples: int
    fine: int
    planes: int
    dynamic: int
    torso: bool = False


ROWS = (
    Row(256, 2, 32, 8, 128, 64),
    Row(256, 2, 32, 8, 128, 64, torso=True),
    Row(512, 4, 32, 8, 256, 96),
    Row(512, 4, 32, 8, 256, 96, torso=True),
    Row(512, 2, 32, 8, 256, 96),
    Row(512, 1, 64, 128, 256, 96),
)


def make(row: Row) -> Renderer:
    """Build a renderer whose grid holds an ellipsoid as large as a head in a portrait."""
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
    torso = TorsoPlane(head.feature_dim) if row.torso else None
    return Renderer(scene, head, upsample=row.upsample, torso=torso).eval()


def cpu_seconds(work: Callable[[], object], times: int) -> float:
    """Return the processor seconds of one call, after one to warm up."""
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def camera() -> torch.Tensor:
    """Return a camera that sees the head as a portrait does."""
    pose = torch.eye(4)
    pose[2, 3] = 10.0
    return pose


def measure(row: Row, frames: int, compile: bool) -> tuple[float, float]:
    """Return CPU seconds per frame and the share of the picture that the head covers."""
    renderer = make(row)
    draw = FrameRenderer(renderer, compile=compile)
    code = draw.encode(torch.randn(1, 5, 68, 3))
    landmarks, backdrop = torch.zeros(68, 3), torch.full((row.size, row.size, 3), 255, dtype=torch.uint8)
    if compile:
        for _ in range(3):
            draw(code, 0, landmarks, camera(), backdrop)
    seconds = cpu_seconds(lambda: draw(code, 0, landmarks, camera(), backdrop), frames)
    with torch.inference_mode():
        covered = float((draw._head(code, 0, camera()).alpha > 0).float().mean())
    return seconds, covered


def vanilla_seconds() -> float:
    """Return CPU seconds that GeneFace's NeRF takes for one chunk of rays."""
    head = VanillaHead(Scene().box).eval()
    directions = torch.nn.functional.normalize(torch.randn(CHUNK, 3) * 0.1 - torch.tensor([0.0, 0, 1]), dim=-1)
    rays = Rays(torch.tensor([0.0, 0.0, 10.0]), directions, torch.full((CHUNK,), 8.0), torch.full((CHUNK,), 12.0))
    with torch.inference_mode():
        frame = head.frame(head.encode(torch.randn(1, 5, 68, 3)), 0)
        return cpu_seconds(lambda: head.march(frame, rays, False), 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--compile", action="store_true", help="compile three kernels first (about half a minute a row)"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    chunk = vanilla_seconds()
    base = {size: chunk * size * size / CHUNK for size in (256, 512)}
    print(
        f"{given.threads} thread(s), {fast_dtype('cpu')}, CPU seconds; GeneFace's NeRF extrapolated from {CHUNK} rays"
    )
    print(f"{'picture':>8} {'rays':>5} {'samples':>8} {'torso':>6} {'hit':>6} {'ms/frame':>9} {'GeneFace / this':>17}")
    for size, seconds in base.items():
        print(f"{size:>8} {'x1':>5} {'64+128':>8} {'no':>6} {'100 %':>6} {1000 * seconds:>9.0f} {1:>17}")
    for row in ROWS:
        seconds, covered = measure(row, given.frames if row.upsample > 1 else 2, given.compile)
        ratio = base[row.size] / seconds
        torso = "yes" if row.torso else "no"
        samples = f"{row.samples}+{row.fine}"
        print(
            f"{row.size:>8} {f'x{row.upsample}':>5} {samples:>8} {torso:>6} {f'{100 * covered:.0f} %':>6} "
            f"{1000 * seconds:>9.1f} {ratio:>17.0f}"
        )


if __name__ == "__main__":
    main()
