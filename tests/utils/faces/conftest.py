"""The portrait that scikit-image brings, and a detector for it."""

from __future__ import annotations

import numpy as np
import pytest

from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:300, 80:380])


@pytest.fixture(scope="module")
def dlib_detector() -> LandmarkDetector:
    return make_detector("dlib")
