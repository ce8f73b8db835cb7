"""What every stage of processing a video costs, as times of the video's length, and what of the masks has changed.

    python -m tests.benchmarks.processing film.mp4 [--seconds 20] [--size 512] [--repeat 3] [--json OUT]
    python -m tests.benchmarks.processing film.mp4 --masks data/processed/videos/anna

The video is processed from nothing in a temporary folder, `--repeat` times; a row holds medians: seconds on the clock,
CPU seconds of the process and its children, and those over the CPU seconds of a fixed piece of work done beside it
(`loops`, a convolution and a JPEG), by which machines and busy hours compare. With `--masks` the masks are compared,
frame by frame, with those in the folder of an earlier run: the intersection over the union, its mean and its least.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.stages import Workshop
from data_gen.video.job import VideoJob
from data_gen.video.masks.parsing import NAMES
from data_gen.video.pipeline import STAGES, do_stages
from data_gen.video.stage import Stage
from utils.media.picture_file import open_pictures
from utils.processes.memory import keep_freed_memory
from utils.processes.workers import cores

ALL = "all"
_LOOPS = 3


def calibrate() -> float:
    """Return the CPU seconds of a fixed piece of work: what a stage does most, convolving and packing."""
    import cv2
    import torch

    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (512, 512, 3), dtype=np.uint8)
    values, weights = torch.rand(1, 64, 128, 128), torch.rand(64, 64, 3, 3)
    least = float("inf")
    for _ in range(_LOOPS):
        began = time.process_time()
        with torch.inference_mode():
            for _ in range(4):
                torch.nn.functional.conv2d(values, weights, padding=1)
        for _ in range(8):
            cv2.imencode(".jpg", picture)
        least = min(least, time.process_time() - began)
    return least


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def timed(stage: Stage, seconds: dict[str, tuple[float, float]]) -> Stage:
    """Return the same stage, which writes down (clock, CPU) seconds of its work by its name."""

    def work(*parts: Any) -> dict[str, Any]:
        began = time.perf_counter(), cpu_seconds()
        summary = stage.work(*parts)
        seconds[stage.name] = time.perf_counter() - began[0], cpu_seconds() - began[1]
        return summary

    return dataclasses.replace(stage, work=work)


def process(job: VideoJob) -> dict[str, tuple[float, float]]:
    """Process a video from nothing and return (clock, CPU) seconds by stage, and of all."""
    seconds: dict[str, tuple[float, float]] = {}
    began = time.perf_counter(), cpu_seconds()
    workshop = Workshop(job.processed)
    with workshop.locked():
        do_stages(job, workshop, [timed(stage, seconds) for stage in STAGES])
    return seconds | {ALL: (time.perf_counter() - began[0], cpu_seconds() - began[1])}


def likeness(one: Path, other: Path) -> dict[str, tuple[float, float]]:
    """Return (mean, least) intersection over union of the masks in two folders of processed videos, by their name."""
    found = {}
    for name in NAMES:
        pairs = zip(*(open_pictures(folder / "parsing", f"{name}_mask", "") for folder in (one, other)), strict=True)
        shares = [share(a > 127, b > 127) for a, b in pairs]
        found[name] = float(np.mean(shares)), float(np.min(shares))
    return found


def share(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection over the union of two masks (H, W) bool; 1 where both are empty."""
    union = int((one | other).sum())
    return float((one & other).sum()) / union if union else 1.0


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--parsing", default="auto")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--masks", type=Path, help="the folder of an earlier run, data/processed/videos/<id>")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(words)
    keep_freed_memory()  # as the command does
    trials, loops, masks = [], [], {}
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory() as folder:
            job = VideoJob("timed", args.video, args.size, parsing=args.parsing, data_dir=Path(folder),
                           duration_s=args.seconds)  # fmt: skip
            loops.append(calibrate())
            trials.append(process(job))
            masks = likeness(args.masks, job.processed) if args.masks else {}
    table = medians(trials, statistics.median(loops))
    print(f"{cores()} processors; {args.seconds:g} s at {args.size} px, {args.parsing}; medians of {args.repeat}")
    print(f"| {'stage':9} | clock s | CPU s | times its length | loops |\n|---|---|---|---|---|")
    for name, row in table.items():
        print(
            f"| {name:9} | {row['clock']:.1f} | {row['cpu']:.1f} "
            f"| {row['clock'] / args.seconds:.2f} | {row['loops']:.0f} |"
        )
    for name, (mean, least) in masks.items():
        print(f"{name} mask: {mean:.4f} of the earlier one's, {least:.4f} where it is least like it")
    if args.json:
        args.json.write_text(json.dumps({"rows": table, "masks": masks, "loop_s": statistics.median(loops)}, indent=1))


def medians(trials: list[dict[str, tuple[float, float]]], loop: float) -> dict[str, dict[str, float]]:
    """Return the medians of trials as rows by stage: clock and CPU seconds, and loops of `loop` CPU seconds."""

    def middle(name: str, part: int) -> float:
        return statistics.median(trial[name][part] for trial in trials)

    return {
        name: {"clock": middle(name, 0), "cpu": middle(name, 1), "loops": middle(name, 1) / loop} for name in trials[0]
    }


if __name__ == "__main__":
    main()
