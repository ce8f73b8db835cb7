"""Checkpoints: where they lie, how they are written, chosen and read.

`checkpoints/<exp>/model_ckpt_steps_<n>.ckpt` and `last.ckpt`, written aside and renamed, read with
`weights_only=True`. `checkpoints.json` beside them keeps each one's validation figures, so that the best is chosen
by number and not by hand.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from pathlib import Path
from typing import Any, Literal

from utils.config.strict_yaml import read_yaml_file
from utils.errors import ConfigError, DataError
from utils.files.digests import stamp
from utils.files.names import present_form
from utils.files.ownership import refuse_long_name
from utils.files.zips import open_zip
from utils.paths import ROOT, home, show_path
from utils.processes.manner import note_reading

log = logging.getLogger(__name__)
Steps = int | Literal["last", "best"]
INDEX = "checkpoints.json"


def work_dir_of(exp_name: str | Path) -> Path:
    """Return the folder of a run; `May/postnet` and `checkpoints/May/postnet` mean the same."""
    if "\0" in str(exp_name):
        raise ConfigError("The name of a run holds a NUL character. Choose another --exp_name.")
    path = Path(exp_name)
    refuse_long_name(path, "--exp_name")
    if path.is_absolute() or path.parts[:1] == ("..",):
        return present_form(path)
    parts = path.parts[1:] if path.parts and path.parts[0] == "checkpoints" else path.parts
    base = Path("checkpoints") if Path("checkpoints").is_dir() else home() / "checkpoints"
    return present_form(base.joinpath(*parts))


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run, or of one that was set aside or imported."""
    return (folder / "config.yaml").is_file() or bool(checkpoint_files(folder)) or (folder / "last.ckpt").is_file()


def parse_steps(text: str) -> Steps:
    """Read which checkpoint of a run is meant, as the commands' `--steps` has it: best, last or a number of updates.

    Raises:
        ConfigError: It is none of these.
    """
    try:
        return "best" if text == "best" else "last" if text == "last" else int(text)
    except ValueError:
        raise ConfigError(f"--steps {text}: write best, last or a number of updates") from None


def checkpoint_files(work_dir: Path) -> dict[int, Path]:
    """Map the number of updates to the checkpoint file, ascending."""
    paths = {}
    for path in Path(work_dir).glob("model_ckpt_steps_*.ckpt"):
        if match := re.fullmatch(r"model_ckpt_steps_(\d+)\.ckpt", path.name):
            paths[int(match[1])] = path
    return dict(sorted(paths.items()))


def read_index(work_dir: Path) -> dict[int, dict[str, float]]:
    """Read the validation figures of each checkpoint; empty when there are none."""
    try:
        raw = json.loads((Path(work_dir) / INDEX).read_text())
        return {
            int(step): {str(name): float(value) for name, value in figures.items()} for step, figures in raw.items()
        }
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}


def best_step(work_dir: Path, key: str, mode: str) -> int | None:
    """Return the step whose validation figure `key` is best among the checkpoints that exist."""
    files, index = checkpoint_files(work_dir), read_index(work_dir)
    rated = {step: figures[key] for step, figures in index.items() if step in files and key in figures}
    rated = {step: value for step, value in rated.items() if value == value}
    if not rated:
        return None
    return (min if mode == "min" else max)(rated, key=lambda step: (rated[step], -step if mode == "max" else step))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read one checkpoint file without running code from it.

    Raises:
        DataError: It is damaged, or not a checkpoint of this project.
    """
    import torch

    note_reading(path)
    try:
        _check(path, stamp(path))
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"No checkpoint at {path}.") from None
    except ForeignCheckpoint:
        raise
    except Exception as error:  # a damaged file fails in many ways, none of them ours to enumerate
        if is_foreign(path.parent):
            raise ForeignCheckpoint(path) from None
        reason = getattr(error, "strerror", "") or str(error).split("\n")[0][:200] or "it cannot be unpacked"
        raise DataError(f"{path} is damaged or not a checkpoint ({reason}).") from None
    if not isinstance(checkpoint, dict) or "vizeme" not in checkpoint or "state_dict" not in checkpoint:
        raise ForeignCheckpoint(path)
    return checkpoint


@functools.lru_cache(maxsize=64)
def _check(path: Path, _: tuple[int, int, int]) -> None:
    """Raise when a checkpoint is not as torch wrote it: torch keeps checksums, and does not look at them.

    That takes as long as reading it, so what was sound is not looked at again while its `stamp` is the same.
    """
    from tasks.weights.torch_file import check_archive, outline  # not above: it imports torch

    with path.open("rb") as file:
        if file.read(1) == b"\x80":
            raise ForeignCheckpoint(path)  # torch's older layout, which nothing here ever wrote
    check_archive(path)
    with open_zip(path) as archive:
        if (wrong := archive.testzip()) is not None:
            raise ValueError(f"its part {wrong} is not what was written")
    outline(path)


class ForeignCheckpoint(DataError):
    """Tell how to import a checkpoint of another project, or the folder in which its release was unzipped."""

    def __init__(self, path: Path) -> None:
        where = show_path(path.parent if is_foreign(path.parent) else path)
        super().__init__(
            f"{show_path(path)} is not a checkpoint of this project. "
            f"Import it: python tasks/import_checkpoint.py {where}"
        )


def is_foreign(folder: Path) -> bool:
    """Tell whether a folder is another project's run: its `config.yaml` names a task by the path of its code."""
    try:
        lines = (folder / "config.yaml").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(re.fullmatch(r"""task_cls:\s*['"]?[\w]+\.[\w.]+['"]?\s*""", line) for line in lines)


def newest_sound(work_dir: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest checkpoint that can be read; a damaged one is named and passed over.

    Raises:
        ForeignCheckpoint: It is another project's: the folder is not a run of this one yet.
    """
    for path in reversed(checkpoint_files(work_dir).values()):
        try:
            return path, read_checkpoint(path)
        except ForeignCheckpoint:
            raise
        except DataError as error:
            log.warning("%s Using the one before.", error)
    return None


def find_checkpoint(work_dir: Path, steps: Steps = "last", monitor: tuple[str, str] | None = None) -> Path:
    """Choose a checkpoint file of a run.

    Raises:
        DataError: The run has none, or not that one, or none whose figure is a number.
    """
    return _chosen(Path(work_dir), steps, monitor)[0]


def open_checkpoint(work_dir: Path, steps: Steps = "last") -> tuple[Path, dict[str, Any]]:
    """Choose a checkpoint file of a run, as `find_checkpoint` does, and read it: once, where choosing is reading.

    Raises:
        DataError: The run has none, not that one, or one that is damaged.
    """
    path, checkpoint = _chosen(Path(work_dir), steps)
    return path, read_checkpoint(path) if checkpoint is None else checkpoint


def _chosen(
    work_dir: Path, steps: Steps, monitor: tuple[str, str] | None = None
) -> tuple[Path, dict[str, Any] | None]:
    """Return a checkpoint file, and what is in it where it had to be read to be chosen."""
    if work_dir.is_file():
        return work_dir, None
    files = checkpoint_files(work_dir)
    if not files:
        raise DataError(f"No checkpoint in {show_path(work_dir)}. Train it first: {training_command(work_dir)}")
    if steps == "last":
        sound = newest_sound(work_dir)
        if sound is None:
            raise DataError(f"No checkpoint in {work_dir} can be read.")
        return sound
    if steps == "best":
        key, mode = monitor or _monitor(work_dir)
        best = best_step(work_dir, key, mode)
        if best is None and any(key in figures for step, figures in read_index(work_dir).items() if step in files):
            raise DataError(
                f"{show_path(work_dir)}: {key} is no number at any step, so none is the best one. Train it anew with "
                f"other settings, or name a step: {', '.join(map(str, files))}."
            )
        return (files[best], None) if best is not None else _chosen(work_dir, "last")
    if int(steps) not in files:
        raise DataError(f"No checkpoint at step {steps} in {work_dir}. There are: {', '.join(map(str, files))}.")
    return files[int(steps)], None


def refuse_missing(work_dir: Path, steps: Steps) -> None:
    """Refuse a run without the checkpoint that is asked for, as far as that can be told without reading one.

    Raises:
        DataError: It has none, or not that one.
    """
    if steps not in ("best", "last") or not checkpoint_files(work_dir):
        find_checkpoint(work_dir, steps)


def training_command(work_dir: Path) -> str:
    """Write the command that trains the run of a folder, by the recipe of that person or corpus, else of anybody."""
    name = exp_of(work_dir)
    words = "python tasks/run.py --config={} --exp_name=" + name
    if Path(name).is_absolute() or len(Path(name).parts) != 2:
        return words.format("<recipe>")
    owner, stage = Path(name).parts
    for folder in (f"egs/datasets/videos/{owner}", f"egs/datasets/{owner}"):
        for recipe in (f"{folder}/{stage}.yaml", f"{folder}/lm3d_{stage}.yaml"):
            if (ROOT / recipe).is_file():
                return words.format(recipe)
    recipe = f"egs/datasets/videos/person/{stage}.yaml"
    if (ROOT / recipe).is_file():
        return words.format(recipe) + f" --video_id={owner}"
    return words.format("<recipe>")


def exp_of(work_dir: Path) -> str:
    """Return the name of a run, as --exp_name has it: its path below checkpoints, else its whole path."""
    parts = work_dir.parts
    return str(Path(*parts[parts.index("checkpoints") + 1 :])) if "checkpoints" in parts[:-1] else str(work_dir)


def _monitor(work_dir: Path) -> tuple[str, str]:
    try:
        saved = read_yaml_file(work_dir / "config.yaml")
        return str(saved["valid_monitor_key"]), str(saved["valid_monitor_mode"])
    except (ConfigError, KeyError, TypeError):
        return "val/total_loss", "min"


def finished_updates(work_dir: Path) -> int:
    """Return how many updates the newest checkpoint of a run has seen; 0 when there is none."""
    return max(checkpoint_files(work_dir), default=0)


def recipe_of(preset: str, stage: str) -> Path:
    """Find the recipe of a stage: egs/datasets/videos/<preset>/ or egs/datasets/<preset>/.

    Raises:
        ConfigError: There is none; the presets that have one are named.
    """
    for folder in (ROOT / "egs/datasets/videos" / preset, ROOT / "egs/datasets" / preset):
        if (folder / f"{stage}.yaml").is_file():
            return folder / f"{stage}.yaml"
    presets = sorted({path.parent.name for path in (ROOT / "egs/datasets").rglob(f"{stage}.yaml")})
    raise ConfigError(
        f"The preset '{preset}' has no recipe for {stage}. Presets that have: {', '.join(presets) or 'none'}."
    )
