"""The deterministic weights and inputs under which published networks were probed, and how outputs are compared."""

from __future__ import annotations

from typing import Any

import pytest
import torch

PRIME = 1_000_003


def pattern(order: int, count: int) -> torch.Tensor:
    """Return the probe sequence of the golden files' rule."""
    j = torch.arange(count, dtype=torch.int64) % PRIME
    t = ((j * j % PRIME) * 7919 + j * 104729 + order * 1299709) % PRIME
    return t.double() / 500001.5 - 1


def probe_input(*shape: int) -> torch.Tensor:
    return (0.5 * pattern(12345, torch.Size(shape).numel())).float().reshape(shape)


def filled(model: torch.nn.Module) -> Any:
    """Give a network the rule's weights, in eval mode."""
    state = {}
    for order, (name, value) in enumerate(model.state_dict().items()):
        s = pattern(order, value.numel()).reshape(value.shape)
        if name.endswith("num_batches_tracked"):
            s = torch.zeros_like(s)
        elif name.endswith("running_var"):
            s = 1 + 0.2 * s * s
        elif name.endswith("running_mean"):
            s = 0.05 * s
        elif name.endswith("bias"):
            s = 0.01 * s
        elif name.endswith(("_u", "_v")):
            s = s / value.numel() ** 0.5
        elif value.dim() >= 2:
            s = s * 2 / (value.numel() / value.shape[0]) ** 0.5
        else:
            s = 1 + 0.1 * s
        state[name] = s.to(value.dtype)
    model.load_state_dict(state)
    return model.eval()


def assert_golden(values: torch.Tensor, golden: dict[str, Any]) -> None:
    """Compare to 1e-4 of the values' size."""
    flat = values.detach().flatten().double()
    near = 1e-4 * golden["absmax"]
    assert flat.abs().max().item() == pytest.approx(golden["absmax"], rel=1e-4)
    assert flat.std().item() == pytest.approx(golden["std"], rel=1e-4)
    assert flat.mean().item() == pytest.approx(golden["mean"], abs=near)
    wanted = golden["first5"]
    assert flat[: len(wanted)].tolist() == pytest.approx(wanted, abs=near)
    assert flat[-2:].tolist() == pytest.approx(golden["last2"], abs=near)
