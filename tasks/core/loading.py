"""Load a trained run by its name, in eval mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tasks.core.checkpoints import Steps, open_checkpoint, work_dir_of
from tasks.core.task import Task
from tasks.registry import task_class
from utils.config.schema import with_present_names
from utils.errors import ConfigError, DataError
from utils.files.digests import sha256
from utils.processes.memory import within_memory


def _parts(path: Path, checkpoint: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a checkpoint's weights, its recipe and what else this project keeps in it.

    Raises:
        DataError: Something in it is missing or of the wrong kind.
    """
    weights, notes = checkpoint["state_dict"], checkpoint["vizeme"]
    recipe = notes.get("recipe") if isinstance(notes, dict) else None
    if not (isinstance(weights, dict) and isinstance(recipe, dict) and "task_cls" in recipe and "updates" in notes):
        raise DataError(f"{path} is no whole checkpoint: weights, recipe or number of updates are missing.")
    return weights, recipe, notes


class Unfilled(TorchFunctionMode):
    """Leave the numbers of a new network as memory has them: weights are laid over all, and drawing them takes long."""

    def __torch_function__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Answer the functions of `torch.nn.init` with their tensor as it is."""
        kwargs = kwargs or {}
        if getattr(call, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return call(*args, **kwargs)


def device_of(name: str) -> torch.device:
    """Return the device called `name`; `auto` is CUDA's GPU when there is one, never Apple's `mps` (untested).

    Raises:
        ConfigError: None is called so, or it is not here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        count = torch.cuda.device_count()
        apple = ["mps"] if torch.backends.mps.is_available() else []
        here = ", ".join(["auto", "cpu", *(f"cuda:{i}" for i in range(count)), *apple])
        raise ConfigError(f"There is no device '{name}' here. Known: {here}.") from None
    return device


def load_task(
    exp: str | Path,
    steps: Steps = "last",
    device: str = "cpu",
    settings: dict[str, Any] | None = None,
    *,
    kind: str | tuple[str, ...] = "",
    setting: str = "",
) -> Task:
    """Load a trained task in eval mode.

    Args:
        exp: Name of the run, its folder, or a checkpoint file.
        steps: `last`, `best` (by the run's own validation figure), or a number of updates.
        device: cpu, cuda, ..., or auto: a GPU when there is one.
        settings: Laid over the saved recipe; meant for settings of inference, which leave the network alone.
        kind: Name of the task it must be of, or several; any when empty.
        setting: Which setting named the run, for the message.

    Raises:
        DataError: There is no such checkpoint, or it is damaged.
        ConfigError: It is not of the task `kind`, or the settings make another network than the checkpoint's.
    """
    place = device_of(device)
    path, checkpoint = open_checkpoint(Path(exp) if Path(exp).is_file() else work_dir_of(exp), steps)
    weights, saved, notes = _parts(path, checkpoint)
    kinds = (kind,) if isinstance(kind, str) else kind
    if kind and saved["task_cls"] not in kinds:
        named = f"{setting} = {exp}: that" if setting else str(exp)
        raise ConfigError(f"{named} is a run of {saved['task_cls']}, not of {' or '.join(kinds)}.")
    cls = task_class({**saved, **(settings or {})}["task_cls"])
    recipe = {**with_present_names(cls.schema, saved), **(settings or {})}
    fields = cls.schema.model_fields
    recipe = {name: value for name, value in recipe.items() if name in fields}
    with within_memory("this network"), torch.device("meta"):
        outline = cls(dict(recipe))
    try:
        outline.load_state_dict(weights, assign=True)  # sizes that a stranger wrote take no memory before they fit
        with within_memory("this network"), Unfilled():
            task = cls(recipe)
        task.load_state_dict(weights)
    except (RuntimeError, NotImplementedError):  # the latter of what is sparse
        changed = ", ".join(f"{k}={v!r}" for k, v in (settings or {}).items() if saved.get(k) != v)
        if not changed:
            raise DataError(f"{path} is not of the network that its recipe describes; train it anew.") from None
        raise ConfigError(
            f"{path} is another network than these settings make ({changed}); leave out what changes the network."
        ) from None
    task.updates = int(notes["updates"])
    task.data_fingerprint = str(notes.get("data_fingerprint", ""))
    task.work_dir = path.parent
    task.on_load_extra(notes.get("extra", {}))
    task.source = {"path": str(path), "updates": task.updates, "sha256": sha256(path)}
    return task.to(place).eval()


def load_frozen(task: Task, name: str, work_dir: str, steps: Steps, *, kind: str) -> Task:
    """Load an earlier stage to stay as it is beside `task`, once.

    Raises:
        ConfigError: It is not of the task `kind`, or listens to another speech feature.
    """
    if name not in task.frozen:
        earlier = load_task(work_dir, steps, kind=kind, setting=f"{name}_work_dir")
        have: Any = earlier.cfg
        wanted: Any = task.cfg
        if have.audio_feature != wanted.audio_feature:
            raise ConfigError(
                f"{work_dir} listens to '{have.audio_feature}', this recipe to '{wanted.audio_feature}': "
                f"give --audio_feature {have.audio_feature}, or train it again."
            )
        other = getattr(earlier, "sound_level", "") != getattr(task, "sound_level", "")
        if other and not getattr(earlier, "hears_any_sound", False):
            raise ConfigError(
                f"{work_dir} was trained with sound at another level than this: the data was made again since. "
                "Train both anew with --reset (the old runs are set aside)."
            )
        task.freeze(name, earlier)
    return task.frozen[name]
