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
from utils.files.aside import clear_after_killed, make_folder, write_aside
from utils.paths import show_path

_IMPORTED = "# Imported:"
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
            "extra": {"sound_level": None, **converted.extra},  # not known, unless it says so
            "imported": {**origin, "preprocessing": converted.preprocessing, "left_out": converted.left_out},
        },
    }
    with write_aside(path) as aside:
        torch.save(checkpoint, aside)
    with write_aside(work_dir / "last.ckpt") as aside:
        os.link(path, aside)
    for name, companion in converted.companions.items():
        companion.updates = companion.updates or updates
        write_run(work_dir / name, companion, origin)
    head = f"{_IMPORTED} {origin['source']}, from {origin['file']}.\n"
    with write_aside(work_dir / "config.yaml") as aside:  # last: it says that the import is whole
        aside.write_text(head + yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def is_imported(work_dir: Path) -> bool:
    """Tell whether a run was imported into a folder, wholly."""
    return _is_our_config(work_dir / "config.yaml")


def _is_our_config(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(_IMPORTED)
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    """Tell whether a file of a run's folder was written by an import."""
    if path.name == "config.yaml":
        return _is_our_config(path)
    if path.name != "last.ckpt" and path not in checkpoint_files(path.parent).values():
        return False
    try:
        return "imported" in read_checkpoint(path)["vizeme"]
    except DataError:
        return False


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


def keep_originals(work_dir: Path, first: Path) -> None:
    """Move the foreign files of a run's folder into `original/` in it; what a killed import has moved lies there.

    Args:
        first: The file that is imported. It goes before the others, so that an import that is killed then is known, by
            the file's place, to have begun.

    Raises:
        DataError: Something was imported into the folder before, so its files are not foreign.
    """
    clear_after_killed(work_dir)
    folder = work_dir / ORIGINALS
    files = [path for path in sorted(work_dir.iterdir(), key=lambda path: path != first)
             if path.is_file() and not _is_ours(path)]  # fmt: skip
    if is_imported(work_dir) or any((folder / path.name).exists() for path in files):
        raise DataError(f"Something was imported into {show_path(work_dir)} before. Give --exp_name for another run.")
    make_folder(folder)
    for path in files:
        path.rename(folder / path.name)
