"""The made person whom the renderer tests learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.made import make_video_dataset


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video_dataset(tmp_path_factory.mktemp("videos") / "made", frames=40, size=64).path
