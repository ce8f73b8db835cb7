"""Find a network among the names of a file."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def beginning(tensors: Mapping[str, Tensor], *names: str) -> str | None:
    """Return what stands before the network's own names (`model_state_dict.`, `module.`, nothing); None: not there."""
    for key in tensors:
        if key.endswith(names[0]):
            prefix = key.removesuffix(names[0])
            if (not prefix or prefix.endswith(".")) and all(prefix + name in tensors for name in names):
                return prefix
    return None
