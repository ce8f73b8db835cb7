"""One short clip, made once for all tests of the presenter."""

from __future__ import annotations

import pytest

from data_gen.demo.clip import Clip, make_clip
from data_gen.demo.identity import make_identity

TEXT = "Maybe Bob saw a photograph of the map."


@pytest.fixture(scope="session")
def clip() -> Clip:
    return make_clip(make_identity(0), TEXT, size=128)


@pytest.fixture(scope="session")
def truth(clip: Clip):
    return clip.truth()
