"""Curves become a picture."""

from __future__ import annotations

import numpy as np

from tests.utils.drawing.test_landmarks import talking
from utils.drawing.curves import plot_lip_opening


def test_curves_become_a_picture():
    picture = plot_lip_opening({"true": talking(30), "predicted": talking(20)})
    assert picture.shape == (300, 900, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5
