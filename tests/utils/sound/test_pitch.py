"""The pitch of what is plain."""

from __future__ import annotations

import numpy as np

from tests.utils.sound.test_features import tone
from utils.sound.features import pitch_hz


def test_pitch_of_a_tone_and_of_silence():
    pitch = pitch_hz(np.concatenate([tone(0.5, 220), np.zeros(8000, np.float32)]))
    np.testing.assert_allclose(pitch[3:22], 220, rtol=0.01)
    assert not pitch[28:].any()
    assert not pitch_hz(np.zeros(3200, np.float32)).any()
