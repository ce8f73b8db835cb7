"""Take back what `tasks/export_checkpoint.py` wrote: safetensors that say what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasks.exchange.settings import names_a_place
from tasks.exchange.source import Converted, Source, verify
from tasks.registry import task_class
from utils.config.schema import parse, with_present_names
from utils.errors import DataError, UserError


def exported(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert an export: the recipe lies in the file, and the weights are taken as they are.

    Raises:
        DataError: What it says of itself is damaged, or the weights are of another network.
    """
    try:
        facts = json.loads(extras["vizeme"])
        recipe, updates = dict(facts["recipe"]), int(facts["updates"])
        extra, imported = dict(facts["extra"]), dict(facts["imported"])
        preprocessing = {str(name): str(text) for name, text in imported.get("preprocessing", {}).items()}
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise DataError(f"{path} was not exported by this project, or its description is damaged.") from None
    kind = task_class(str(recipe.get("task_cls", "")))
    recipe = with_present_names(kind.schema, recipe)
    recipe = {name: value for name, value in recipe.items() if name in kind.schema.model_fields}
    dropped = [name for name, value in recipe.items() if names_a_place(kind.schema, name, value)]
    recipe = {name: value for name, value in recipe.items() if name not in dropped}
    config = parse(kind.schema, recipe, path)
    try:
        with torch.device("meta"):
            task = kind(config)
        task.load_state_dict(dict(tensors), assign=True)
    except UserError:
        raise
    except Exception as error:  # sizes that a stranger chose fail in as many ways as there are layers
        raise DataError(f"{path} is of another network than its recipe makes; nothing was written.\n{error}") from None
    left_out = dict.fromkeys(dropped, "a place on another machine; where things lie here is said here")
    converted = Converted(
        recipe, dict(tensors), names={name: name for name in tensors}, updates=updates, extra=extra,
        preprocessing=preprocessing, data_fingerprint=str(facts.get("data_fingerprint", "")), left_out=left_out,
        shapes={name: tuple(value.shape) for name, value in tensors.items()},  # the task has just taken them
    )  # fmt: skip
    verify(converted, path, [])
    return converted


SOURCES = [
    Source(
        "vizeme/export",
        lambda tensors, kind: kind == "vizeme", exported,
    ),
]  # fmt: skip
