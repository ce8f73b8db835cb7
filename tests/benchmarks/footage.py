"""What a processed video takes on the disk, and what an update of the head takes, by the form of its pictures.

    python -m tests.benchmarks.footage data/binary/videos/anna [--updates 20] [--size 512]

The pictures of the dataset are written in three forms into a temporary folder: as JPEG, without loss, and as arrays,
which earlier versions kept. Then the same batches are drawn from each in turn, and the same updates made (losses and
gradients, one thread). CPU seconds of the process are counted, since another job changes them less than the clock's.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.video.dataset import PICTURES, VideoDataset
from utils.files.arrays import map_new_array
from utils.media.picture_file import SUFFIX, PictureWriter
from utils.processes.workers import in_parallel
from utils.rates import FPS

FORMS = ("jpeg", "lossless", "arrays")


def copy(video: VideoDataset, folder: Path, form: str) -> VideoDataset:
    """Write a dataset's pictures in a form into a folder, and all else as it is."""
    folder.mkdir(parents=True)
    for file in video.path.iterdir():
        if file.stem not in PICTURES:
            shutil.copyfile(file, folder / file.name)
    for name in PICTURES:
        pictures: Any = getattr(video, name)
        if form == "arrays":
            mapped = map_new_array(folder / f"{name}.npy", pictures.shape)
            for index, picture in enumerate(pictures):
                mapped[index] = picture
            continue
        with PictureWriter(folder / f"{name}{SUFFIX}", pictures.shape[1:], lossless=form == "lossless") as out:
            for tiles in in_parallel(lambda index, out=out, pictures=pictures: out.pack(np.array(pictures[index])),
                                     range(len(video))):  # fmt: skip
                out.add(tiles)
    return VideoDataset(folder)


def decibels(video: VideoDataset, other: VideoDataset, name: str, count: int = 60) -> float:
    """Return the least PSNR of some frames of a dataset against those of another, 99 where nothing differs."""
    ids = np.linspace(0, len(video) - 1, count).astype(int)
    pairs: Any = ((getattr(video, name)[i].astype(float), getattr(other, name)[i]) for i in ids)
    worst = max(float(np.mean((one - two) ** 2)) for one, two in pairs)
    return 99.0 if worst == 0 else float(10 * np.log10(255**2 / worst))


def cpu_ms(work: Callable[[int], object], numbers: range) -> float:
    """Return the mean CPU milliseconds of some calls."""
    before = time.process_time()
    for number in numbers:
        work(number)
    return 1000 * (time.process_time() - before) / len(numbers)


def updates_of(video: VideoDataset, size: int) -> tuple[Callable[[int], object], Callable[[int], object]]:
    """Return what makes batch k of a dataset, and what makes an update of the head with it."""
    from tasks.core.trainer import settle
    from tasks.registry import schema_of, task_class

    settle()
    place = {"video_id": video.path.name, "binary_data_dir": str(video.path.parent)}
    task = task_class("lm3d_nerf")(schema_of("lm3d_nerf")(task_cls="lm3d_nerf", size=size, **place))
    task.prepare()
    source = task.train_source()

    def batch(number: int) -> Any:
        return source.batch(np.random.default_rng(number))

    def update(number: int) -> None:
        weights = task.cfg.weights
        losses = task.losses(batch(number))
        task.zero_grad()
        sum(getattr(weights, name) * loss for name, loss in losses.items()).backward()

    return batch, update


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a processed video's folder")
    parser.add_argument("--updates", type=int, default=20, help="updates that are timed of each form, three times")
    parser.add_argument("--size", type=int, default=512, help="height of the pictures that are trained on")
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    video = VideoDataset(given.dataset)
    with tempfile.TemporaryDirectory() as folder:
        copies = {form: copy(video, Path(folder) / form / "person", form) for form in FORMS}
        work = {form: updates_of(copies[form], given.size) for form in FORMS}
        times: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
        for turn in range(4):
            for form, (batch, update) in work.items():
                numbers = range(turn * given.updates, (turn + 1) * given.updates)
                times[form].append((cpu_ms(batch, numbers), cpu_ms(update, numbers)))
        print("| pictures | MB a minute | least PSNR, dB: frames, torso_frames | CPU ms a batch | CPU ms an update |")
        print("|---|---|---|---|---|")
        for form, data in copies.items():
            size = sum(file.stat().st_size for file in data.path.iterdir() if file.stem in PICTURES)
            lost = ", ".join(f"{decibels(data, video, name):.1f}" for name in ("frames", "torso_frames"))
            batch_ms, update_ms = np.median(times[form][1:], axis=0)  # the first turn warms up
            print(f"| {form} | {size / len(data) * FPS * 60 / 1e6:.1f} | {lost} | {batch_ms:.1f} | {update_ms:.0f} |")


if __name__ == "__main__":
    main()
