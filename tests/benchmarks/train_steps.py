"""CPU seconds of a training step of each task, beside what the original's step costs.

    python -m tests.benchmarks.train_steps [names ...] [--repeat 5] [--precision 32 bf16] [--list]
    python -m tests.benchmarks.train_steps lm3d_nerf --cores 1 2 --precision 32

Each row is a process of its own, so that its peak memory is its own. In it the task of a recipe trains under the same
Lightning trainer as ever (forward, losses, backward, clipping, optimiser, schedule, the average of the weights where
the recipe keeps one) on one random batch; making batches and validating are left out. CPU seconds of the process are
counted, the least of the steps after one to warm up, one thread.

With `--cores` a row is trained on so many processors, one number after the other, and seconds on the clock are told.

The ratio is of the original's seconds, with freed memory kept by its process too, over ours: above 1 ours is quicker.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

from tests.benchmarks.step_rows import ROWS, Row
from utils.paths import ROOT

PRECISIONS = ("32", "bf16")
LIMIT = 3600
"""Seconds after which a row is given up."""


def measure(name: str, precision: str, repeat: int, *, keep: bool = True) -> dict[str, float]:
    """Train `repeat` steps after one to warm up, and return the least CPU seconds, parameters and peak MiB."""
    import torch

    torch.set_num_threads(1)
    return measure_task(*ROWS[name].make(precision), repeat, keep=keep)


def measure_task(task: Any, batch: Any, repeat: int, *, keep: bool = True) -> dict[str, float]:
    """Train a task `repeat` steps after one to warm up, on the GPU where there is one.

    Returns:
        The least CPU seconds and the least seconds on the clock of a step, parameters, peak MiB of the process and of
        the GPU, and the weighed loss at the first and the last step.
    """
    import pytorch_lightning as pl
    import torch

    from tasks.core.trainer import make_trainer, settle

    gpu = torch.cuda.is_available()
    settle(keep_memory=keep)
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    task.cfg = task.cfg.model_copy(update={"max_updates": 1_000_000, "val_check_interval": 1_000_000})

    class Clock(pl.Callback):
        """Note the CPU seconds at which each step ends, after all other callbacks."""

        def __init__(self) -> None:
            self.times: list[tuple[float, float]] = []
            self.losses: list[torch.Tensor] = []

        def on_train_batch_end(self, trainer: pl.Trainer, task: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
            self.losses.append(trainer.callback_metrics["tr/total_loss"].clone())
            if gpu:
                torch.cuda.synchronize()
            self.times.append((time.process_time(), time.perf_counter()))

    class Same(torch.utils.data.Dataset[Any]):
        """The same batch for every step."""

        def __len__(self) -> int:
            return repeat + 1

        def __getitem__(self, index: int) -> Any:
            return batch

    clock = Clock()
    trainer = make_trainer(task, None)
    trainer.callbacks = [c for c in trainer.callbacks if type(c).__name__ != "ShowProgress"] + [clock]  # type: ignore[attr-defined]
    trainer.fit(task, train_dataloaders=torch.utils.data.DataLoader(Same(), batch_size=None))
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(clock.times)]
    return {
        "seconds": min(cpu for cpu, _ in steps),
        "clock": min(wall for _, wall in steps),
        "parameters": sum(p.numel() for p in task.parameters()),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "gpu_memory": torch.cuda.max_memory_allocated() / 2**20 if gpu else 0.0,
        "first_loss": float(clock.losses[0]),
        "last_loss": float(clock.losses[-1]),
    }


def measure_apart(name: str, precision: str, repeat: int, *, keep: bool = True, cores: int = 0) -> dict[str, float]:
    """Measure in a process of its own, on so many processors where that is said.

    Raises:
        RuntimeError: It failed.
    """
    words = [sys.executable, "-m", "tests.benchmarks.train_steps", name, "--repeat", str(repeat), "--alone"]
    words += ["--precision", precision, *([] if keep else ["--plain_memory"])]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    words = [*(["taskset", "-c", ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))] if cores else []), *words]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LIMIT)
    if done.returncode:
        raise RuntimeError(f"{name} {precision}:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def line(name: str, row: Row, precision: str, found: dict[str, float], *, keep: bool) -> str:
    """Return one line of the table."""
    rate = row.samples / found["seconds"]
    text = f"| {name} | {precision} | {found['seconds']:.2f} | {rate:.3g} {row.unit} | {found['parameters']:,.0f} "
    text += f"| {found['memory']:.0f} |"
    if row.original is None:
        return f"{text} | | |"
    theirs = row.original.tuned if keep else row.original.seconds
    return f"{text} {theirs:.2f} | {theirs / found['seconds']:.2f} | {row.original.memory} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help="rows (default: all); see --list")
    parser.add_argument("--repeat", type=int, default=5, help="steps that are timed")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--cores", nargs="+", type=int, help="processors to train on")
    parser.add_argument("--plain_memory", action="store_true", help="let the C library give freed memory back")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    keep = not given.plain_memory
    if unknown := sorted(set(given.names) - set(ROWS)):
        parser.error(f"no such row: {', '.join(unknown)} (see --list)")
    if given.list:
        print("\n".join(ROWS))
        return
    if given.alone:
        print(json.dumps(measure(given.names[0], given.precision[0], given.repeat, keep=keep)))
        return
    if given.cores:
        print("| step | precision | processors | clock s | of one | CPU s |\n|---|---|---|---|---|---|")
        for name, precision in itertools.product(given.names or ROWS, given.precision):
            first = 0.0
            for cores in given.cores:
                found = measure_apart(name, precision, given.repeat, keep=keep, cores=cores)
                first = first or found["clock"]
                cells = f"{found['clock']:.3f} | {found['clock'] / first:.2f} | {found['seconds']:.3f}"
                print(f"| {name} | {precision} | {cores} | {cells} |", flush=True)
        return
    print("| step | precision | CPU s | per CPU s | parameters | peak MiB | original CPU s | ratio | original MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in given.names or ROWS:
        for precision in given.precision:
            found = measure_apart(name, precision, given.repeat, keep=keep)
            print(line(name, ROWS[name], precision, found, keep=keep), flush=True)


if __name__ == "__main__":
    main()
