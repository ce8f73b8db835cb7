"""Write what was converted as a run of this project: a checkpoint with its whole recipe, and `config.yaml`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import yaml

from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.exchange.source import Converted
from tasks.registry import task_class
from utils.config.schema import parse
from utils.errors import DataError
from utils.files.aside import make_folder, write_aside
from utils.paths import show_path

ORIGINALS = "original"
"""Where foreign files are set aside that lie in the folder of the run they become."""


def write_run(work_dir: Path, converted: Converted, origin: dict[str, Any]) -> Path:
    """Write `model_ckpt_steps_<n>.ckpt`, `last.ckpt` and `config.yaml` into a run's folder.

    Args:
        work_dir: The run's folder.
        converted: What to write; `verify` has passed it.
        origin: Where it came from, plain data: source, file, sha256.

    Raises:
        DataError: Another run, trained or imported, lies there already.
    """
    kind = task_class(converted.recipe["task_cls"])
    recipe = parse(kind.schema, converted.recipe, Path("imported recipe")).model_dump(mode="json")
    for name in converted.companions:
        recipe[f"{name}_work_dir"] = show_path(work_dir / name)
    updates = max(1, converted.updates)  # 0 would mean that training has yet to begin
    path = work_dir / f"model_ckpt_steps_{updates}.ckpt"
    refuse_to_overwrite(work_dir, origin)
    make_folder(work_dir)
    checkpoint = {
        "state_dict": {name: value.contiguous() for name, value in converted.state_dict.items()},
        "vizeme": {
            "updates": updates,
            "recipe": recipe,
            "data_fingerprint": converted.data_fingerprint,
            "frozen": {},
            "extra": converted.extra,
            "imported": {**origin, "preprocessing": converted.preprocessing, "left_out": converted.left_out},
        },
    }
    with write_aside(path) as aside:
        torch.save(checkpoint, aside)
    with write_aside(work_dir / "last.ckpt") as aside:
        os.link(path, aside)
    head = f"# Imported: {origin['source']}, from {origin['file']}.\n"
    with write_aside(work_dir / "config.yaml") as aside:
        aside.write_text(head + yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for name, companion in converted.companions.items():
        companion.updates = companion.updates or updates
        write_run(work_dir / name, companion, origin)
    return path


def refuse_to_overwrite(work_dir: Path, origin: dict[str, Any]) -> None:
    """Refuse a folder with checkpoints, unless they are an earlier import of the same file.

    Raises:
        DataError: It holds something that would be lost.
    """
    for path in checkpoint_files(work_dir).values():
        imported = read_checkpoint(path)["vizeme"].get("imported", {})
        if imported.get("sha256") != origin["sha256"]:
            raise DataError(
                f"{show_path(work_dir)} holds another run already ({path.name}). "
                "Give another --exp_name, or move it away."
            )


def keep_originals(work_dir: Path, files: list[Path]) -> list[Path]:
    """Move foreign files of a run's folder into `original/` in it, and return where they lie then.

    Raises:
        DataError: That was done before, so what lies in the folder now is not foreign.
    """
    folder = work_dir / ORIGINALS
    if folder.exists():
        raise DataError(f"Something was imported into {show_path(work_dir)} before. Give --exp_name for another run.")
    make_folder(folder)
    moved = [folder / path.name for path in files]
    for path, target in zip(files, moved, strict=True):
        path.rename(target)
    return moved
