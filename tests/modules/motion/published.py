"""The rule by which the published motion networks were probed, and how outputs are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_motion.json").read_text())


def pattern(order: int, count: int) -> torch.Tensor:
    """Return the probe sequence of golden_motion.json's rule."""
    prime = 1_000_003
    j = torch.arange(count, dtype=torch.int64) % prime
    t = ((j * j % prime) * 7919 + j * 104729 + order * 1299709) % prime
    return t.double() / 500001.5 - 1


def probe_input(*shape: int) -> torch.Tensor:
    return (0.5 * pattern(12345, torch.Size(shape).numel())).float().reshape(shape)


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Give a network the rule's weights."""
    state, order = {}, 0
    for name, value in model.state_dict().items():
        if name.startswith("audio_norm"):
            state[name] = value
            continue
        s = pattern(order, value.numel()).reshape(value.shape)
        order += 1
        if name.endswith("num_batches_tracked"):
            s = torch.zeros_like(s)
        elif name.endswith("running_var"):
            s = 1 + 0.2 * s * s
        elif name.endswith("running_mean"):
            s = 0.05 * s
        elif name.endswith("bias"):
            s = 0.01 * s
        elif name.endswith("weight.original0") or value.dim() < 2:
            s = 1 + 0.1 * s
        else:
            s = s * 2 / (value.numel() / value.shape[0]) ** 0.5
        state[name] = s.to(value.dtype)
    model.load_state_dict(state)
    return model.eval()


def assert_golden(values: torch.Tensor, golden: dict) -> None:
    flat = values.detach().flatten().double()
    near = pytest.approx
    assert flat.mean().item() == near(golden["mean"], rel=1e-4, abs=1e-6)
    assert flat.std().item() == near(golden["std"], rel=1e-3)
    assert flat.abs().max().item() == near(golden["absmax"], rel=1e-4)
    assert flat[:5].tolist() == near(golden["first5"], rel=1e-4, abs=1e-6)
    assert flat[-2:].tolist() == near(golden["last2"], rel=1e-4, abs=1e-6)


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def mask_of(batch: int, frames: int) -> torch.Tensor:
    return torch.ones(batch, frames, dtype=torch.bool)
