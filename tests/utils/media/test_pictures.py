"""Pictures are read, resized and written in one way."""

from __future__ import annotations

import numpy as np

from utils.media.pictures import resized


def test_resizing_gives_the_size_asked_for():
    picture = np.random.default_rng(0).integers(0, 255, (112, 112, 3), np.uint8)
    assert resized(picture, 112) is picture
    assert resized(picture, 128).shape == (128, 128, 3)
