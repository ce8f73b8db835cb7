"""How long a rendered frame takes, for several settings, against GeneFace's own NeRF in the same run.

    python -m tests.benchmarks.render                        all rows (about ten minutes on two cores)
    python -m tests.benchmarks.render --quick                fewer frames and rows (about two minutes)
    python -m tests.benchmarks.render --tensors              each row without loops too, as on a GPU
    python -m tests.benchmarks.render --checkpoint May/lm3d_nerf_torso     a trained person, with its own landmarks
    python -m tests.benchmarks.render --device cuda          on a GPU, one by one and in batches; a line of JSON each

Networks of the table are untrained, but their density is a made head that covers a quarter of the picture, so that as
many rays hit as with a trained one. `wall` is the time a frame takes when many are rendered one after the other on
`--threads` threads; believe it on an idle machine only. `CPU` is what all threads together computed for a frame;
another job changes it less. GeneFace's NeRF is timed on some thousand rays and extrapolated to the picture. x2 and x4
are not the same computation as a full NeRF: compare the x1 row with its 64+128 samples.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from modules.renderer.batch import BatchRenderer, Inputs
from modules.renderer.field import Rays
from modules.renderer.inference import FrameRenderer, fast_dtype
from modules.renderer.pool import render_side_by_side
from modules.renderer.vanilla import VanillaHead
from tests.benchmarks.made_renderer import Row, made_jobs, make

ROWS = (
    Row(256, 2, 32, 8, 128, 64),
    Row(256, 2, 32, 8, 128, 64, torso=True),
    Row(512, 4, 32, 8, 192, 64),
    Row(512, 4, 32, 8, 192, 64, torso=True),
    Row(512, 2, 32, 8, 192, 64),
    Row(512, 2, 32, 8, 192, 64, torso=True),
    Row(256, 4, 32, 8, 128, 64, torso=True),
    Row(256, 1, 32, 8, 128, 64, torso=True),
    Row(512, 1, 32, 8, 192, 64, torso=True),
    Row(512, 1, 64, 128, 192, 64),
)
TINY = Row(64, 2, 8, 4, 32, 16, torso=True)
QUICK = (ROWS[1], ROWS[3], ROWS[5], ROWS[9])
HEADER = (
    f"{'picture':>8} {'rays':>5} {'samples':>8} {'torso':>6} {'how':>9} {'tried':>7} {'hit':>7} {'samples':>8} "
    f"{'CPU ms':>8} {'wall ms':>8} {'frames/s':>9} {'MB':>6} {'GeneFace CPU / this':>20}"
)


class Cost(NamedTuple):
    """What a frame takes: seconds of processor and of wall, and the most memory of the process, bytes."""

    cpu: float
    wall: float
    memory: int


def peak_memory() -> int:
    """Return the most memory this process held since `forget_peak`, bytes; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def forget_peak() -> None:
    """Begin to measure the peak of memory anew, where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def clock(work: Callable[[], int], times: int) -> Cost:
    """Return the least cost of a frame over some repetitions of work that returns how many frames it made."""
    forget_peak()
    costs = []
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        frames = work()
        costs.append(((time.process_time() - cpu) / frames, (time.perf_counter() - wall) / frames))
    return Cost(min(c for c, _ in costs), min(w for _, w in costs), peak_memory())


def stream(frames: FrameRenderer, jobs: list[tuple[Any, ...]]) -> Cost:
    """Time many frames, as a video is rendered; the first go unmeasured, while loops are compiled."""
    for _ in render_side_by_side(frames, jobs[:8]):
        pass
    return clock(lambda: sum(1 for _ in render_side_by_side(frames, jobs)), 2)


def counted(frames: FrameRenderer, job: tuple[Any, ...]) -> tuple[int, int, int]:
    """Return the rays tried and the rays hit in one frame, and the evaluations of the field."""
    marcher = frames.marcher
    assert marcher is not None
    code, index, _, camera = job[:4]
    with torch.inference_mode():
        tried = int(marcher._seen(marcher.blend(code, index), camera).sum())
        hit = int((marcher(code, index, camera)[:, -1] > 0).sum())
    return tried, hit, hit * (marcher.head.fine_samples or marcher.head.samples)


def vanilla_seconds(rays: int) -> float:
    """Return CPU seconds that GeneFace's NeRF (64+128 samples) takes for one ray."""
    head = VanillaHead(make(ROWS[0]).scene.box).eval()
    directions = torch.nn.functional.normalize(torch.randn(rays, 3) * 0.1 - torch.tensor([0.0, 0, 1]), dim=-1)
    some = Rays(torch.tensor([0.0, 0.0, 10.0]), directions, torch.full((rays,), 8.0), torch.full((rays,), 12.0))
    with torch.inference_mode():
        frame = head.frame(head.encode(torch.randn(1, 5, 68, 3)), 0)

        def march() -> int:
            for part in torch.arange(rays).split(512):
                head.march(frame, Rays(some.origin, *(x[part] for x in some[1:])), False)
            return rays

        return clock(march, 1).cpu


def line(row: Row, how: str, counts: tuple[int, int, int], cost: Cost, vanilla: float) -> str:
    """Return one line of the table."""
    return (
        f"{row.size:>8} {f'x{row.upsample}':>5} {f'{row.samples}+{row.fine}':>8} {'yes' if row.torso else 'no':>6} "
        f"{how:>9} {counts[0]:>7} {counts[1]:>7} {counts[2]:>8} {1000 * cost.cpu:>8.1f} {1000 * cost.wall:>8.1f} "
        f"{1 / cost.wall:>9.1f} {cost.memory / 2**20:>6.0f} {vanilla * row.size**2 / cost.cpu:>20.0f}"
    )


def encoded(frames: FrameRenderer, jobs: list[tuple[Any, ...]]) -> Cost:
    """Time frames that go into an mp4; the encoder is a process of its own, so the CPU seconds are without it."""
    from utils.media.video import VideoWriter

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            with VideoWriter(Path(folder) / "out.mp4", frames.height, frames.width) as video:
                for picture in render_side_by_side(frames, jobs):
                    video.write(picture.numpy())
            return len(jobs)

    return clock(work, 1)


def on_device(row: Row, device: str, frames: int) -> Iterator[dict[str, Any]]:
    """Yield what a frame takes one by one and in batches (on a GPU each is one recorded graph), and how far apart the
    pictures of the fast arithmetic and of 32 bits lie, in grey levels."""
    renderer = make(row).to(device)
    gpu = torch.device(device).type == "cuda"
    draw, exact = FrameRenderer(renderer), FrameRenderer(renderer, dtype=torch.float32)
    setting = {"picture": row.size, "rays": f"x{row.upsample}", "torso": row.torso, "arithmetic": str(draw.dtype)[6:]}
    jobs = made_jobs(draw, 4)
    apart = torch.stack([(draw(*job).float() - exact(*job).float()).abs() for job in jobs])
    yield {**setting, "way": "against float32", "mean_apart": float(apart.mean()), "most_apart": float(apart.max())}
    for way, count in (("one by one, no graph", 0), ("one by one", 1), ("batches of 16", 16)):
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        work, each = _work(draw, count, gpu)
        work()
        rounds = max(1, frames // each)
        seconds = _seconds(work, rounds, gpu) / (rounds * each)
        memory = torch.cuda.max_memory_allocated() if gpu else peak_memory()
        yield {**setting, "way": way, "ms": 1000 * seconds, "frames_per_s": 1 / seconds, "peak_mib": memory / 2**20}


def _work(draw: FrameRenderer, count: int, gpu: bool) -> tuple[Callable[[], Any], int]:
    """Return what draws frames `count` at a time (0: one by one without a batch), and how many a call draws."""
    jobs = made_jobs(draw, max(1, count))
    if not count:
        return (lambda: draw(*jobs[0])), 1
    codes, batch = jobs[0][0], BatchRenderer(draw, count)
    inputs = Inputs(codes.code, codes.weights, *(torch.stack([job[k] for job in jobs]) for k in (2, 3, 4)))
    batch(inputs)  # there is room for every ray from here on
    return torch.inference_mode()(lambda: (batch.replay if gpu else batch.draw)(inputs)), count


def _seconds(work: Callable[[], Any], rounds: int, gpu: bool) -> float:
    wait = torch.cuda.synchronize if gpu else (lambda: None)
    wait()
    start = time.perf_counter()
    for _ in range(rounds):
        work()
    wait()
    return time.perf_counter() - start


def of_checkpoint(exp: str, frames: int, tensors: bool, vanilla: float) -> None:
    """Print the row of a trained person, with the landmarks and poses of its footage."""
    from tasks.core.loading import load_task
    from tasks.renderer.base import NerfTask

    task = load_task(exp, "best")
    assert isinstance(task, NerfTask), f"{exp} is no renderer"
    cfg, video = task.cfg, task.footage.video
    ids = np.arange(min(frames, video.meta.frames))
    landmarks = np.array(video.landmarks[ids], dtype=np.float32)
    torso = task.model.torso is not None
    row = Row(cfg.size, cfg.upsample, cfg.n_samples_per_ray, cfg.n_samples_per_ray_fine, 0, 0, torso)
    painter = task.painter()
    jobs = list(painter.jobs(landmarks, range(len(ids)), task.footage.cameras[ids], ids))
    for loops in (True, False)[: 1 + tensors]:
        report(row, FrameRenderer(task.model, loops=loops), jobs, loops, vanilla)


def report(row: Row, draw: FrameRenderer, jobs: list[tuple[Any, ...]], loops: bool, vanilla: float) -> None:
    """Print a row of the table and, for head and torso with a decoder, what it takes with encoding."""
    print(line(row, "loops" if loops else "tensors", counted(draw, jobs[0]), stream(draw, jobs), vanilla), flush=True)
    if row.torso and row.upsample > 1:
        cost = encoded(draw, jobs)
        print(f"{'':>40}with encoding to mp4: {1000 * cost.wall:.1f} ms wall, {1 / cost.wall:.1f} frames/s", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=0, help="frames a row; 48 when not given, 16 with --quick")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="four rows, few frames")
    parser.add_argument("--tensors", action="store_true", help="each row without loops as well")
    parser.add_argument("--checkpoint", default="", help="a trained renderer to measure instead of the made ones")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batches", action="store_true", help="on a processor, too, what is measured on a GPU")
    parser.add_argument("--tiny", action="store_true", help="with it one tiny picture, to see that it works")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    frames = given.frames or (16 if given.quick else 48)
    rows = QUICK if given.quick else ROWS
    if given.device == "cuda" or given.batches:
        for row in (TINY,) if given.tiny else [row for row in rows if row.fine < 64]:  # a full NeRF is no live picture
            for figures in on_device(row, given.device, frames if given.device == "cpu" else 20 * frames):
                print(json.dumps(figures), flush=True)
        return
    rays = 1024 if given.quick else 4096
    vanilla = vanilla_seconds(rays)
    print(f"{given.threads} thread(s), {fast_dtype('cpu')}; GeneFace's NeRF (64+128 samples, head) from {rays} rays:")
    for size in (256, 512):
        print(f"{size:>8} {vanilla * size**2:.0f} CPU s a frame")
    print(HEADER)
    if given.checkpoint:
        of_checkpoint(given.checkpoint, frames, given.tensors, vanilla)
        return
    for row in rows:
        for loops in (True, False)[: 1 + given.tensors]:
            draw = FrameRenderer(make(row), loops=loops)
            few = max(2, frames // (1 if row.upsample > 1 else 8 if row.fine < 64 else 24))
            report(row, draw, made_jobs(draw, few), loops, vanilla)


if __name__ == "__main__":
    main()
