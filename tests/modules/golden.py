"""The deterministic weights and inputs under which published networks were probed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

PRIME = 1_000_003


def pattern(order: int, count: int) -> Tensor:
    """Return the sequence of tensor number `order`; it repeats after PRIME elements."""
    j = torch.arange(min(count, PRIME), dtype=torch.int64)
    t = ((j * j % PRIME) * 7919 + j * 104729 + order * 1299709) % PRIME
    period = (t.double() / 500001.5 - 1).float()
    return period.repeat(-(-count // PRIME))[:count] if count > PRIME else period


def probe(*shape: int) -> Tensor:
    """Return the input pattern."""
    return 0.5 * pattern(12345, torch.Size(shape).numel()).reshape(shape)


def ruled(shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Return the rule's tensors for a published state dict, given names and shapes in its order."""
    state = {}
    for order, (name, shape) in enumerate(shapes.items()):
        s = pattern(order, shape.numel()).reshape(shape)
        if name.endswith("num_batches_tracked"):
            s = torch.zeros(shape, dtype=torch.int64)
        elif name.endswith("running_var"):
            s = 1 + 0.2 * s * s
        elif name.endswith("running_mean"):
            s = 0.05 * s
        elif name.endswith("bias"):
            s = 0.01 * s
        elif len(shape) >= 2:
            s = s * (2 / (shape.numel() / shape[0]) ** 0.5)
        else:
            s = 1 + 0.1 * s
        state[name] = s
    return state


def assert_golden(values: Tensor, golden: dict) -> None:
    """Compare an output with its recorded figures, 1e-4 relative."""
    flat = values.detach().flatten().double()
    near = pytest.approx
    assert flat.numel() == golden["numel"]
    assert flat.mean().item() == near(golden["mean"], rel=1e-4, abs=1e-6)
    assert flat.std(unbiased=False).item() == near(golden["std"], rel=2e-3)
    assert flat.abs().max().item() == near(golden["absmax"], rel=1e-4)
    assert flat[:5].tolist() == near(golden["first5"], rel=1e-4, abs=1e-6)
    assert flat[-2:].tolist() == near(golden["last2"], rel=1e-4, abs=1e-6)
