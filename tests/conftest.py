"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["VIZEME_OFFLINE"] = "1"  # no test, and nothing that a test starts, touches the network
ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the toy task."""
    from tasks.registry import TASKS

    monkeypatch.setitem(TASKS, "toy", ("tests.tasks.toy:ToyTask", "a toy"))
    return


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real data, or skip: it is not part of the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("no real data beside the repository (../shared/data)")
    return SHARED / "data"


@pytest.fixture
def shared_assets(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point VIZEME_ASSETS at weights beside the repository, or skip."""
    if not (SHARED / "assets").is_dir():
        pytest.skip("no outside weights beside the repository (../shared/assets)")
    monkeypatch.setenv("VIZEME_ASSETS", str(SHARED / "assets"))
    return SHARED / "assets"
