"""What an importer of foreign checkpoints must say, and the books it keeps: every tensor is used or left out by name.

A source recognises a file by the names in it, never by its file name, and turns it into a recipe and a state dict of
this project. Nothing is dropped in silence: `Tally` knows of every tensor what became of it, and `verify` compares the
result with the network that the recipe makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasks.exchange.known import KNOWN
from tasks.registry import task_class
from utils.config.schema import parse
from utils.errors import DataError

MAX_LISTED = 40
"""Names listed of each kind of mistake; a file of another network has hundreds."""


class GoesWith(DataError):
    """The file is taken along when another one, beside it, is imported."""


@dataclass
class Converted:
    """One run of this project, made from a foreign file.

    Attributes:
        recipe: Settings, `task_cls` among them; the task's schema fills in the rest.
        state_dict: Tensors by the names of the task's own state dict.
        names: Name here -> name in the file, for tensors that came from it; what was made up is not in it.
        left_out: Name in the file (or a group of them) -> why it is not used.
        preprocessing: How inputs must be made and outputs read, plain data; it is kept in the checkpoint.
        updates: How many updates the weights have seen, when the file says so.
        companions: Earlier stages that lie in the same file: name -> run. One called `audio2motion` is written into a
            folder of that name inside the run's, and the setting `audio2motion_work_dir` is made to say so.
        extra: What the task's `on_load_extra` wants.
        data_fingerprint: Of the data it was trained on, when the file says so.
        shapes: What the network wants, where a task builds it after its data or the weights are changed on the way;
            empty: what the recipe's task has.
    """

    recipe: dict[str, Any]
    state_dict: dict[str, Tensor]
    names: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    updates: int = 0
    companions: dict[str, Converted] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    data_fingerprint: str = ""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A kind of foreign checkpoint.

    Attributes:
        name: "project/network", for example "geneface/syncnet"; a name of `KNOWN`, which says what it is.
        recognise: (tensors, kind of file) -> is it one? By names; a wrong size must not hide what it is.
        convert: (tensors, extras, path) -> the run. Raises DataError with every tensor that is wrong.
        stage: Name of the run's folder when none is asked for.
    """

    name: str
    recognise: Callable[[Mapping[str, Tensor], str], bool]
    convert: Callable[[Mapping[str, Tensor], Mapping[str, Any], Path], Converted]
    stage: str = ""

    @property
    def what(self) -> str:
        """Say what it is, for people."""
        return KNOWN[self.name][1]


class Tally:
    """Take tensors out of a file by name, and remember which were used, which left out and why."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)
        self.names: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self._done: set[str] = set()

    def under(self, prefix: str) -> list[str]:
        """List the names that begin with `prefix`."""
        return [name for name in self.tensors if name.startswith(prefix)]

    def move(self, prefix: str, to: str, rename: Callable[[str], str | None] = lambda name: name) -> dict[str, Tensor]:
        """Use every tensor under `prefix`, called `to` + `rename(rest of its name)` here.

        What `rename` answers with None stays on the books: `leave` it, or `finish` will name it.
        """
        state = {}
        for old in self.under(prefix):
            rest = rename(old[len(prefix) :])
            if rest is not None and old not in self._done:
                state[to + rest] = self.take(old, to + rest)
        return state

    def take(self, old: str, new: str) -> Tensor:
        """Use one tensor, called `new` here; KeyError when the file has none of that name."""
        value = self.tensors[old]
        self._done.add(old)
        self.names[new] = old
        return value

    def leave(self, prefix: str, reason: str, *, exact: bool = False) -> None:
        """Leave out, for `reason`, every tensor under `prefix` that is not used; with `exact` the one of that name."""
        names = [prefix] if exact and prefix in self.tensors else [] if exact else self.under(prefix)
        left = [name for name in names if name not in self._done]
        self._done.update(left)
        if left:
            self.left_out[left[0] if len(left) == 1 else f"{prefix}* ({len(left)} tensors)"] = reason

    def unknown(self) -> list[str]:
        """List the names that are neither used nor left out."""
        return [name for name in self.tensors if name not in self._done]


def verify(converted: Converted, path: Path, unknown: list[str]) -> None:
    """Compare what was converted with the networks that its recipes make, and the file with what was used of it.

    Raises:
        DataError: With every missing, misshapen and unknown tensor, by its name in the file where it has one.
    """
    missing, sizes, extra, broken = [], [], [*unknown], []
    for part in (converted, *converted.companions.values()):
        want, have = part.shapes or expected_shapes(part), part.state_dict
        old = {name: part.names.get(name, name) for name in have}
        missing += [f"{name} {_shape(shape)}" for name, shape in want.items() if name not in have]
        for name, value in have.items():
            shape = tuple(value.shape)
            if name not in want:
                extra.append(old[name])
            elif shape != want[name]:
                sizes.append(f"{old[name]} is {_shape(shape)}, not {_shape(want[name])}")
            elif value.is_floating_point() and not bool(value.isfinite().all()):
                broken.append(old[name])
    lines = _listed("missing", missing) + _listed("of the wrong size", sizes)
    lines += _listed("not part of this network", extra) + _listed("not finite", broken)
    if lines:
        body = "\n".join(f"  {line}" for line in lines)
        task = converted.recipe["task_cls"]
        raise DataError(f"{path} looks like {task} but does not fit; nothing was written.\n{body}")


def expected_shapes(converted: Converted) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the state dict that the recipe's task has, without giving it memory."""
    kind = task_class(converted.recipe["task_cls"])
    config = parse(kind.schema, converted.recipe, Path("imported recipe"))
    with torch.device("meta"):
        task = kind(config)
    return {name: tuple(value.shape) for name, value in task.state_dict().items()}


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    shown = names[:MAX_LISTED] + ([f"and {len(names) - MAX_LISTED} more"] if len(names) > MAX_LISTED else [])
    return [f"{len(names)} {what}:", *(f"  {name}" for name in shown)]
