"""When nobody speaks, the mouth rests."""

from __future__ import annotations

import numpy as np

from tasks.speaking import silence
from tasks.speaking.settings import PostSettings


def test_total_silence_rests_and_steady_noise_does_not():
    settings = PostSettings()
    assert silence.silence_weight(np.zeros(100), 50, settings).min() == 1
    assert silence.silence_weight(np.full(100, 0.01), 50, settings).max() == 0
    assert len(silence.silence_weight(np.zeros(0), 0, settings)) == 0


def test_only_long_pauses_rest_and_their_edges_are_soft():
    rms = np.full(200, 0.1, np.float32)
    rms[80:140] = 1e-4  # frames 40 to 69
    rms[180:184] = 1e-4  # two frames: too short
    weight = silence.silence_weight(rms, 100, PostSettings())
    assert (weight[45:65] == 1).all()
    assert not weight[:40].any()
    assert not weight[70:].any()
    np.testing.assert_allclose(weight[40:44], 0.5 - 0.5 * np.cos(np.pi * np.arange(1, 5) / 5), atol=1e-6)
    np.testing.assert_allclose(weight[40:70], weight[69:39:-1], atol=1e-6)


def test_a_frame_is_as_loud_as_the_louder_of_its_two_rows():
    assert silence.frame_rms(np.array([1.0, 3.0, 2.0]), 3).tolist() == [3, 2, 0]
