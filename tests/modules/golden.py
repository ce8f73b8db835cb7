"""The deterministic weights and inputs under which published networks were probed, and how outputs are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from tasks.core.loading import Unfilled

PRIME = 1_000_003
Network = TypeVar("Network", bound=torch.nn.Module)


def pattern(order: int, count: int) -> Tensor:
    """Return the sequence of tensor number `order`, float32; it repeats after PRIME elements."""
    j = torch.arange(min(count, PRIME), dtype=torch.int64)
    t = ((j * j % PRIME) * 7919 + j * 104729 + order * 1299709) % PRIME
    period = (t.double() / 500001.5 - 1).float()
    return period.repeat(-(-count // PRIME))[:count] if count > PRIME else period


def probe(*shape: int) -> Tensor:
    """Return the input pattern."""
    return 0.5 * pattern(12345, torch.Size(shape).numel()).reshape(shape)


def ruled(shapes: Mapping[str, torch.Size], only: str = "") -> dict[str, Tensor]:
    """Return the rule's tensors for a published state dict, given names and shapes in its order.

    Args:
        only: What the names of those begin with that are wanted; they are the same without the others.
    """
    state = {}
    for order, (name, shape) in enumerate(shapes.items()):
        if not name.startswith(only):
            continue
        s = pattern(order, shape.numel()).reshape(shape)
        if name.endswith("num_batches_tracked"):
            s = torch.zeros(shape, dtype=torch.int64)
        elif name.endswith("running_var"):
            s = 1 + 0.2 * s * s
        elif name.endswith("running_mean"):
            s = 0.05 * s
        elif name.endswith("bias"):
            s = 0.01 * s
        elif name.endswith(("_u", "_v")):
            s = s / shape.numel() ** 0.5
        elif name.endswith("weight.original0") or len(shape) < 2:
            s = 1 + 0.1 * s
        else:
            s = s * (2 / (shape.numel() / shape[0]) ** 0.5)
        state[name] = s
    return state


def filled(make: Callable[[], Network]) -> Network:
    """Make a network of the rule's weights, in eval mode."""
    with Unfilled():
        model = make()
    model.load_state_dict(ruled({name: value.shape for name, value in model.state_dict().items()}))
    return model.eval()


def assert_golden(values: Tensor, golden: Mapping[str, Any]) -> None:
    """Compare an output with its recorded figures, to 1e-4 of the values' size."""
    flat = values.detach().flatten().double()
    near = 1e-4 * golden["absmax"]
    assert flat.numel() == golden.get("numel", flat.numel())
    assert flat.abs().max().item() == pytest.approx(golden["absmax"], rel=1e-4)
    assert flat.std().item() == pytest.approx(golden["std"], rel=1e-4)
    assert flat.mean().item() == pytest.approx(golden["mean"], abs=near)
    assert flat[: len(golden["first5"])].tolist() == pytest.approx(golden["first5"], abs=near)
    assert flat[-2:].tolist() == pytest.approx(golden["last2"], abs=near)


def shapes_of(model: torch.nn.Module) -> dict[str, torch.Size]:
    """Return the names and shapes of a network's state."""
    return {name: value.shape for name, value in model.state_dict().items()}
