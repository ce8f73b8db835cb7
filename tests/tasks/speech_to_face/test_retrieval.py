"""Voices are ranked against faces."""

from __future__ import annotations

import pytest
import torch

from tasks.speech_to_face.retrieval import retrieve


def test_retrieval_by_hand():
    faces = torch.eye(4)
    heard = torch.tensor([[1.0, 0, 0, 0], [0.9, 1.0, 0, 0], [1.0, 0.5, 0.2, 0]])
    entry = torch.tensor([10, 11, 12])
    found = retrieve(heard, entry, faces, torch.tensor([10, 11, 12, 13]))
    assert found.rank.tolist() == [0, 0, 2]
    figures = found.figures()
    assert figures["recall_1"] == pytest.approx(2 / 3)
    assert figures["recall_2"] == pytest.approx(2 / 3)
    assert figures["recall_5"] == 1
    assert figures["chance_1"] == 0.25
    alike = retrieve(torch.zeros(1, 4), torch.tensor([10]), faces, torch.tensor([10, 11, 12, 13]))
    assert alike.rank.tolist() == [3], "a tie is not a hit"
