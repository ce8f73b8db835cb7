"""The networks of face_alignment are never fetched in passing."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.errors import AssetError
from utils.faces.detectors import make_detector


def test_missing_networks_are_named_with_their_place(monkeypatch, tmp_path: Path):
    pytest.importorskip("face_alignment")
    import torch

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(AssetError, match=r"face_alignment needs 2DFAN4-.* and s3fd-.* in .*checkpoints. Fetch them"):
        make_detector("face_alignment")
