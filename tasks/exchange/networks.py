"""Find a published network among the names of a file, and check it against one of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from tasks.exchange.source import Converted, Tally, verify
from tasks.weights.names import beginning

TRAINING = {
    "optimizer_state_dict.": "the optimiser's memory, which follows the original's order of parameters",
    "optimizer.": "the optimiser's memory, which follows the original's order of parameters",
    "history.": "the course of the original training",
}
"""What other projects save beside the weights."""


def holds(*names: str) -> Callable[[Mapping[str, Tensor], str], bool]:
    """Recognise a file by names that its network has, whatever stands before them."""
    return lambda tensors, kind: beginning(tensors, *names) is not None


def shapes_of(make: Callable[[], nn.Module], prefix: str = "model.") -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's state dict, without giving it memory."""
    with torch.device("meta"):
        return {prefix + name: tuple(value.shape) for name, value in make().state_dict().items()}


def checked(converted: Converted, tally: Tally, path: Path) -> Converted:
    """Leave out what lies in training checkpoints besides weights, fill in what old torch did not count, and verify.

    Raises:
        DataError: With every tensor that is wrong.
    """
    for prefix, reason in TRAINING.items():
        tally.leave(prefix, reason)
    converted.names, converted.left_out = dict(tally.names), {**converted.left_out, **tally.left_out}
    for name in converted.shapes:
        if name.endswith("num_batches_tracked") and name not in converted.state_dict:
            converted.state_dict[name] = torch.tensor(0)  # torch before 0.4.1 had no such count; nothing reads it here
    verify(converted, path, tally.unknown())
    return converted
