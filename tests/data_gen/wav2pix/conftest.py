"""Made speakers for the tests of wav2pix."""

from __future__ import annotations

import pytest

from tests.made_faces import make_speakers


@pytest.fixture(scope="session")
def speakers(tmp_path_factory):
    return make_speakers(tmp_path_factory.mktemp("wav2pix") / "speakers")
