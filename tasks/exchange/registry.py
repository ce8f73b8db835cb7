"""The table of sources: which kinds of foreign checkpoints are known."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from torch import Tensor

from tasks.exchange.source import Source

MODULES: tuple[str, ...] = ("exported", "geneface", "geneface_renderers", "speech2face", "rbh24", "wav2pix")
"""Modules of `tasks.exchange.sources` that list their sources in `SOURCES`."""


def sources() -> list[Source]:
    """Return every known source."""
    modules = (importlib.import_module(f"tasks.exchange.sources.{name}") for name in MODULES)
    return [source for module in modules for source in module.SOURCES]


def recognised(tensors: Mapping[str, Tensor], kind: str) -> list[Source]:
    """Return the sources that take these tensors for theirs; `kind` is the kind of file they lay in."""
    candidates = [source for source in sources() if (source.name == "vizeme/export") == (kind == "vizeme")]
    return [source for source in candidates if source.recognise(tensors, kind)]
