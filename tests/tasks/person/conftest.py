"""A made person whose speech the tests of one person follow."""

from __future__ import annotations

import pytest

from tests.made import make_video_dataset


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video_dataset(tmp_path_factory.mktemp("data") / "made", frames=40, size=32)
