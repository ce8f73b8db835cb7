"""Let a library wait for its parts that nobody asks for: importing it would take longer than the work does."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Callable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class NeverMade:
    """Stand for a class of which there can be no objects before its package is imported."""


METRICS: dict[str, Callable[[], Any]] = {
    "Metric": lambda: importlib.import_module("torchmetrics.utilities.checks").Metric,
    "MetricCollection": lambda: importlib.import_module("torchmetrics.collections").MetricCollection,
    "_logger": lambda: logging.getLogger("torchmetrics"),
    "__version__": lambda: importlib.metadata.version("torchmetrics"),
}
"""What pytorch-lightning, and these two classes themselves, ask torchmetrics for."""
PLOTS: dict[str, Callable[[], Any]] = {
    "_AX_TYPE": lambda: Any,
    "_PLOT_OUT_TYPE": lambda: Any,
    "plot_single_or_multi_val": lambda: _plot,
}
"""What these classes ask of the part that draws metrics, with matplotlib, before one is drawn."""
COMPILER: dict[str, Callable[[], Any]] = {
    "OptimizedModule": lambda: NeverMade,
    "disable": lambda: lambda function=None, *_, **__: function,
    "graph_break": lambda: lambda *_, **__: None,
}
"""What pytorch-lightning and torch's optimisers ask torch._dynamo for, as long as nothing is compiled."""


def hold_back(package: str, parts: Mapping[str, Callable[[], Any]]) -> None:
    """Answer for a package with a few of its names, and import all of it only when another name is asked for.

    pytorch-lightning needs two classes of torchmetrics, whose `__init__` imports transformers, librosa, onnxruntime and
    more for its metrics, and a class of torch._dynamo, which compiles networks: half of the time that a training takes
    until it begins. A package that is imported already, or is not there, is left alone.

    Args:
        package: Its name.
        parts: Name in the package -> what gives it.
    """
    first, _, inner = package.partition(".")
    if package in sys.modules or (spec := importlib.util.find_spec(first)) is None:
        return
    module = _HeldBack(package)
    module.parts = parts
    if inner:
        sys.meta_path.insert(0, _WholeFirst(module))
    else:  # the parts that are asked for lie in it, and need no more of it
        _place(module, spec)
    sys.modules[package] = module


def _plot(*words: Any, **named: Any) -> Any:
    drawing: Any = sys.modules["torchmetrics.utilities.plot"]
    if "parts" in vars(drawing):
        drawing.load()
    return drawing.plot_single_or_multi_val(*words, **named)


class _HeldBack(ModuleType):
    """A package that is imported when a name is asked for that is not among its `parts`."""

    __path__: list[str] = []
    parts: Mapping[str, Callable[[], Any]] | None = None

    def __getattr__(self, name: str) -> Any:
        parts = vars(self).get("parts")
        if parts and name in parts:
            return parts[name]()
        if parts is None or name.startswith("__"):  # who looks through all modules there are wants no more of them
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.load()
        return getattr(self, name)

    def load(self) -> None:
        """Import all of it, in this very module."""
        del self.parts
        above = self.__name__.rpartition(".")[0]
        spec = PathFinder.find_spec(self.__name__, importlib.import_module(above).__path__ if above else None)
        assert spec is not None
        assert spec.loader is not None
        _place(self, spec)
        spec.loader.exec_module(self)


class _WholeFirst(MetaPathFinder, Loader):
    """Import a package that is held back before a module that lies in it."""

    def __init__(self, package: _HeldBack) -> None:
        self.package = package
        self.imported: dict[str, tuple[ModuleType, ModuleSpec | None]] = {}

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Import the package; what it imported itself is there then, and is not run again."""
        if not name.startswith(f"{self.package.__name__}.") or "parts" not in vars(self.package):
            return None
        self.package.load()
        if name not in sys.modules:
            return PathFinder.find_spec(name, self.package.__path__)
        module = sys.modules.pop(name)  # importlib would take its spec, and run it again
        self.imported[name] = module, module.__spec__
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return what is there."""
        return self.imported[spec.name][0]

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it was."""
        vars(module)["__spec__"] = self.imported.pop(module.__name__)[1]


def _place(module: ModuleType, spec: ModuleSpec) -> None:
    places = {"__spec__": spec, "__loader__": spec.loader, "__file__": spec.origin, "__package__": spec.name}
    vars(module).update(places, __path__=spec.submodule_search_locations)
