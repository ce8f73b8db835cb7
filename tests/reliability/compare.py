"""Tell in what two results of one command differ, to the bit, and what of an unfinished one must not be there."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from utils.errors import DataError
from utils.files.arrays import load_arrays
from utils.files.tables import read_json

CHECKPOINT = ("state_dict", "optimizer_states", "lr_schedulers", "vizeme")
"""What decides how a training goes on; the rest is Lightning's own count of what it did since it was started."""


def files_of(folder: Path) -> dict[str, Path]:
    """Map the names of all files below a folder to the files."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def same_files(whole: Path, other: Path, varies: tuple[str, ...] = ()) -> list[str]:
    """List the files that only one folder has, and those whose bytes differ; of `varies`, only the names count."""
    a, b = files_of(whole), files_of(other)
    found = [f"{name} is missing" for name in a if name not in b]
    found += [f"{name} is left over" for name in b if name not in a]
    for name in a.keys() & b.keys():
        if a[name].name not in varies and a[name].read_bytes() != b[name].read_bytes():
            found.append(f"{name} differs")
    return sorted(found)


def half_written(whole: Path, other: Path, varies: tuple[str, ...] = ()) -> list[str]:
    """List the files of an unfinished result that stand under a final name and are not what they will be.

    Names with a dot in front are nobody's: they are written aside.
    """
    final, found = files_of(whole), []
    for name, path in files_of(other).items():
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        if name in final and path.name not in varies:
            if path.read_bytes() != final[name].read_bytes():
                found.append(f"{name} is not whole")
        elif path.suffix in (".json", ".safetensors"):
            try:
                read_json(path) if path.suffix == ".json" else load_arrays(path)
            except DataError as error:
                found.append(str(error))
    return found


def same_runs(whole: Path, other: Path) -> list[str]:
    """List in what two trainings differ: checkpoints, their figures, pictures, and every loss on the way."""
    a, b = checkpoint_files(whole), checkpoint_files(other)
    found = [] if list(a) == list(b) else [f"checkpoints {list(a)} and {list(b)}"]
    found += [f"step {step}: {what}" for step in a.keys() & b.keys() for what in _same_checkpoints(a[step], b[step])]
    found += [f"last.ckpt: {what}" for what in _same_checkpoints(whole / "last.ckpt", other / "last.ckpt")]
    pictures = [name for name, path in files_of(whole).items() if path.suffix in (".png", ".json", ".yaml", ".md")]
    for name in pictures:
        if not (other / name).is_file():
            found.append(f"{name} is missing")
        elif not _same_text(whole / name, other / name):
            found.append(f"{name} differs")
    found += [f"{name} is left over" for name in files_of(other) if ".part" in name]
    return found + _same_curves(curves(whole), curves(other))


def sound_checkpoints(whole: Path, other: Path) -> list[str]:
    """List the checkpoints of an unfinished training that are not what the unbroken one had at that step."""
    found = []
    for step, path in checkpoint_files(other).items():
        if step in (known := checkpoint_files(whole)):
            found += [f"step {step}: {what}" for what in _same_checkpoints(known[step], path)]
        else:
            found += _readable(path)
    if (other / "last.ckpt").exists():
        found += _readable(other / "last.ckpt")
    for name in ("checkpoints.json", "selection.json", "evaluation.json"):
        if (other / name).exists():
            read_json(other / name)
    return found


def _readable(path: Path) -> list[str]:
    try:
        read_checkpoint(path)
    except DataError as error:
        return [str(error)]
    return []


def _same_checkpoints(first: Path, second: Path) -> list[str]:
    try:
        a, b = read_checkpoint(first), read_checkpoint(second)
    except DataError as error:
        return [str(error)]
    for checkpoint in (a, b):
        checkpoint["vizeme"]["recipe"].pop("num_workers")  # which promises to change nothing
    return [f"{part} differs" for part in CHECKPOINT if not same(a.get(part), b.get(part))]


def same(a: Any, b: Any) -> bool:
    """Tell whether nested plain data and tensors are the same to the bit; NaN is NaN."""
    if isinstance(a, torch.Tensor):
        if not isinstance(b, torch.Tensor) or (a.dtype, a.shape) != (b.dtype, b.shape):
            return False
        plain = (t.clone(memory_format=torch.contiguous_format).flatten().view(torch.uint8) for t in (a, b))
        return torch.equal(*plain)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return bool(a == b)


def _same_text(first: Path, second: Path) -> bool:
    if first.name == "checkpoints.json":  # one that a signal asked for was not validated
        return same(*({step: row for step, row in read_json(path).items() if row} for path in (first, second)))
    if first.suffix == ".json":
        return same(read_json(first), read_json(second))
    if first.suffix == ".yaml":
        lines = [
            [line for line in path.read_text().splitlines() if "num_workers" not in line] for path in (first, second)
        ]
        return lines[0] == lines[1]
    return first.read_bytes() == second.read_bytes()


def curves(run: Path) -> dict[tuple[str, int], set[float]]:
    """Read all losses and figures that a training wrote for TensorBoard: tag and update -> values."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    found: dict[tuple[str, int], set[float]] = {}
    for file in sorted((run / "tb_logs").glob("events*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars" and not value.tag.endswith("_per_s"):
                    found.setdefault((value.tag, event.step), set()).add(float(make_ndarray(value.tensor)))
    return found


def _same_curves(a: dict[tuple[str, int], set[float]], b: dict[tuple[str, int], set[float]]) -> list[str]:
    lost = sorted(a.keys() - b.keys())
    new = sorted(b.keys() - a.keys())
    other = sorted(
        key for key in a.keys() & b.keys() if not np.array_equal(sorted(a[key]), sorted(b[key]), equal_nan=True)
    )
    words = (("has no", lost), ("has besides", new), ("has another", other))
    return [f"the curve {what} {keys[0][0]} at {keys[0][1]} (and {len(keys) - 1} more)" for what, keys in words if keys]
