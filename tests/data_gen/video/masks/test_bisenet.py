"""The published network finds a face where its weights are."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.masks.parsing import make_parser
from utils import assets


def test_bisenet_finds_a_face(tmp_path):
    if assets.find_asset("face_parsing") is None:
        pytest.skip("the BiSeNet weights are not here ($VIZEME_ASSETS)")
    from skimage.data import astronaut

    frame = np.ascontiguousarray(astronaut()[0:320, 60:380])
    masks = make_parser("bisenet").parse(frame, np.zeros((68, 2)))
    assert masks.head[100, 170] > 200
    assert masks.head[20, 20] < 50
    assert (masks.cloth[250:] > 200).mean() > 0.2
