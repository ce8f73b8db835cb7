"""Rows, pitch and norm, worked by hand."""

from __future__ import annotations

import torch

from modules.motion.audio_condition import FeatureNorm, pair_rows, pitch_bins


def test_small_parts():
    assert pitch_bins(torch.tensor([0.0, 50.0, 1100.0, 5000.0])).tolist() == [1, 1, 255, 255]
    rows = torch.arange(12.0).reshape(1, 6, 2)
    assert pair_rows(rows, "even")[0].tolist() == [[0, 1], [4, 5], [8, 9]]
    assert pair_rows(rows, "pair")[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    norm = FeatureNorm(2)
    assert torch.equal(norm(rows), rows)
    norm.set(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0]))
    assert norm(torch.tensor([3.0, 5.0])).tolist() == [1.0, 3.0]
