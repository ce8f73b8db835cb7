"""A made person whose six runs are untrained, and their packs: with the portrait, and as one who has none trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.handover.pack import pack
from tests.made_heads import make_house


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Path:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="session")
def packed(house) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house)
        return pack("made", house / "made.vizeme", said=("CC BY 4.0", "the made person agreed"), portrait=False)


@pytest.fixture(scope="session")
def portrayed(house) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house)
        return pack("made", house / "portrayed.vizeme", said=("CC BY 4.0", "the made person agreed"))
