"""Time against quality of a trained renderer: samples per ray, and the size of the picture.

    python -m tests.benchmarks.render_sizes demo/lm3d_nerf [--frames 6] [--repeats 3]

Held-out frames are rendered from their own landmarks and poses. Quality is the PSNR of the face box, in decibels:
against the picture of the finest setting (256 + 256 samples), and against the real frame. Time is CPU seconds a frame,
the smallest of a few repetitions. `lower` marks a row further from the finest picture than the row before it.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from modules.renderer.inference import FrameRenderer
from tasks.core.loading import load_task
from utils.media.pictures import resized
from utils.metrics import psnr

FINEST = (256, 256)
COARSE = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
FINE = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
SCALES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.37, 2.0, 4.0)
Bytes = NDArray[np.uint8]


class Bench:
    """Render a few held-out frames of one run, whatever the setting."""

    def __init__(self, run: str, frames: int, repeats: int) -> None:
        self.task: Any = load_task(run, "best")
        self.repeats = repeats
        ids = self.task.footage.video.frame_ids("val")
        self.ids = ids[np.linspace(0, len(ids) - 1, frames).round().astype(int)]

    def render(self, samples: tuple[int, int], scale: float = 1.0) -> tuple[list[Bytes], float]:
        """Return the frames, and CPU seconds of one."""
        task, footage = self.task, self.task.footage
        task.model.head.samples, task.model.head.fine_samples = samples
        draw = FrameRenderer(task.model, scale=scale)
        pictures, best = [], []
        for frame in self.ids.tolist():
            window = torch.from_numpy(footage.window(frame, task.cfg.smo_win_size))[None]
            middle, camera = window[0, window.shape[1] // 2], torch.from_numpy(footage.cameras[frame])
            behind = torch.from_numpy(task.plate(frame, draw.height, draw.width))
            times = []
            for _ in range(self.repeats):
                start = time.process_time()
                picture = draw(draw.encode(window), 0, middle, camera, behind)
                times.append(time.process_time() - start)
            pictures.append(picture.numpy())
            best.append(min(times))
        return pictures, float(np.median(best))

    def against(self, pictures: list[Bytes], others: list[Bytes]) -> float:
        """Return the mean PSNR in the face boxes; pictures of another size are brought to the others'."""
        values = []
        for frame, picture, other in zip(self.ids, pictures, others, strict=True):
            same = resized(picture, *other.shape[:2])
            values.append(psnr(same, other, self.task.footage.boxes(int(frame))["face"]))
        return float(np.mean(values))

    def table(self, title: str, rows: list[tuple[str, tuple[int, int], float]], finest: list[Bytes]) -> None:
        """Print one table, and mark where a dearer row is worse."""
        truth = [self.task.footage.picture("frames", int(frame)) for frame in self.ids]
        print(f"\n{title:>14} {'picture':>11} {'CPU s':>8} {'finest dB':>10} {'real dB':>8}")
        before = -1.0
        for name, samples, scale in rows:
            pictures, seconds = self.render(samples, scale)
            high, wide = pictures[0].shape[:2]
            near = self.against(pictures, finest)
            mark = " lower" if near < before - 0.05 else ""
            before = near
            real = self.against(pictures, truth)
            print(f"{name:>14} {f'{wide} x {high}':>11} {seconds:>8.4f} {near:>10.2f} {real:>8.2f}{mark}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a trained lm3d_nerf or lm3d_nerf_torso")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(given.run, given.frames, given.repeats)
    trained = (bench.task.cfg.n_samples_per_ray, bench.task.cfg.n_samples_per_ray_fine)
    finest, seconds = bench.render(FINEST)
    print(f"{given.run}: upsample {bench.task.cfg.upsample}, trained at {trained[0]} + {trained[1]} samples, 1 thread")
    print(f"finest: {FINEST[0]} + {FINEST[1]} samples, {seconds:.3f} CPU s a frame")
    bench.table("coarse + 8", [(f"{n} + 8", (n, 8), 1.0) for n in COARSE], finest)
    bench.table("32 + fine", [(f"32 + {n}", (32, n), 1.0) for n in FINE if n], finest)
    bench.table("coarse + 0", [(f"{n} + 0", (n, 0), 1.0) for n in COARSE if n], finest)
    bench.table("0 + fine", [(f"0 + {n}", (0, n), 1.0) for n in FINE if n], finest)
    bench.table("scale", [(f"x {s}", trained, s) for s in SCALES], finest)


if __name__ == "__main__":
    main()
