"""What the attacks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.hostile import Table, scratch


@pytest.fixture
def table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> Iterator[Table]:
    """Serve bad food, and keep count."""
    folder = tmp_path / "food"
    folder.mkdir()
    with scratch(tmp_path / "temporary"):
        yield Table(folder, capsys, lambda kind, answer: record_property("hostile", (kind, answer)))
