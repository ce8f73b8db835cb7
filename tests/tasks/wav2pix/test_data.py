"""Sounds are turned without losing anything."""

from __future__ import annotations

import numpy as np
import torch

from tasks.wav2pix.data import turned


def test_sounds_begin_anywhere_and_lose_nothing():
    wavs = torch.arange(12.0).view(2, 6) + 1
    made = turned(wavs, np.random.default_rng(1))
    assert not torch.equal(made, wavs)
    assert torch.equal(made.abs().sort(dim=1).values, wavs)
    for before, after in zip(wavs, made, strict=True):
        assert any(torch.equal(before.roll(k) * sign, after) for k in range(6) for sign in (-1, 1))
