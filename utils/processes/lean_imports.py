"""Import Lightning without what it drags along: a third of the time that every command takes to start.

Lightning needs two classes of torchmetrics, which as a package imports all of its metrics, and for these transformers
and scipy.signal: four CPU seconds. Here it is the package without its `__init__`: every module of it can be imported
as ever, and the package itself has what Lightning asks it for.
"""

from __future__ import annotations

import importlib
import logging
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PACKAGE = "torchmetrics"


class _Lean(Loader):
    """Make the package without running its `__init__`."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the package its version, and the logger that its modules ask for."""
        module.__dict__["_logger"] = logging.getLogger(PACKAGE)
        module.__dict__["__getattr__"] = _attribute
        module.__dict__["__version__"] = importlib.import_module(f"{PACKAGE}.__about__").__version__


def _attribute(name: str) -> Any:
    homes = {"Metric": f"{PACKAGE}.metric", "MetricCollection": f"{PACKAGE}.collections"}
    if name not in homes:
        raise AttributeError(f"module '{PACKAGE}' is imported without its metrics here and has no '{name}'")
    importlib.import_module(f"{PACKAGE}.utilities")  # first, or it and `metric` go round in a circle
    return getattr(importlib.import_module(homes[name]), name)


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the lean package, and nothing else."""
        whole = PathFinder.find_spec(PACKAGE) if name == PACKAGE else None
        if whole is None:
            return None
        lean = ModuleSpec(PACKAGE, _Lean(), origin=whole.origin, is_package=True)
        lean.submodule_search_locations = whole.submodule_search_locations
        return lean


def lean_imports() -> None:
    """Have torchmetrics imported without its metrics from now on, where it is not there already."""
    if PACKAGE not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
