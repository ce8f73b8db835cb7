"""Let a library wait for its parts that nobody asks for: importing it would take longer than the work does."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

METRICS: dict[str, Callable[[], Any]] = {
    "Metric": lambda: importlib.import_module("torchmetrics.utilities.checks").Metric,
    "MetricCollection": lambda: importlib.import_module("torchmetrics.collections").MetricCollection,
    "_logger": lambda: logging.getLogger("torchmetrics"),
    "__version__": lambda: importlib.metadata.version("torchmetrics"),
}
"""What pytorch-lightning, and these two classes themselves, ask torchmetrics for."""


def hold_back(package: str, parts: Mapping[str, Callable[[], Any]]) -> None:
    """Answer for a package with a few of its names, and import all of it only when another name is asked for.

    pytorch-lightning needs two classes of torchmetrics, whose `__init__` imports transformers, librosa, onnxruntime and
    more for its metrics: a third of the time that a training takes until it begins. A package that is imported already,
    or is not there, is left alone.

    Args:
        package: Its name.
        parts: Name in the package -> what gives it.
    """
    if package in sys.modules or (spec := importlib.util.find_spec(package)) is None or spec.loader is None:
        return
    module, loader = importlib.util.module_from_spec(spec), spec.loader

    def answer(name: str) -> Any:
        if name in parts:
            return parts[name]()
        if vars(module).pop("__getattr__", None) is not None:
            loader.exec_module(module)
        return getattr(module, name)

    vars(module)["__getattr__"] = answer
    sys.modules[package] = module
