"""Sounds are cut, and heard by the network, as the published code did."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.wav2pix.pairs import hear, middle
from utils.errors import DataError


def test_what_the_network_hears():
    wav = np.array([[2, -4, 1, 0]], np.int16)
    np.testing.assert_allclose(hear(wav), [[0.5, -1 - 0.475, 0.25 + 0.95, -0.2375]])
    np.testing.assert_allclose(hear(wav, "integer"), [[0, -1, 0.95, 0]])
    with pytest.raises(DataError, match="silent"):
        hear(np.zeros((1, 4), np.int16))


def test_the_middle_of_a_sound():
    assert middle(np.array([0, 0.25, 0.5, 0]), 2).tolist() == [8192, 16384]
    with pytest.raises(DataError, match=r"it lasts 0\.00 s; 1\.00 s are needed"):
        middle(np.zeros(3), 16_000)
