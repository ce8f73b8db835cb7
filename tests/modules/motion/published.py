"""The rule by which the published motion networks were probed, and how outputs are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.modules.golden import probe, ruled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_motion.json").read_text())


def probe_input(*shape: int) -> torch.Tensor:
    return probe(*shape)


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Give a network the rule's weights; `audio_norm` keeps its own."""
    state = model.state_dict()
    state |= ruled({name: value.shape for name, value in state.items() if not name.startswith("audio_norm")})
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
