"""The convolutional encoder's step size falls as the published one's; silence is no voice."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speech_to_face.ve_conv import VeConvConfig, VeConvTask
from utils.errors import DataError


@pytest.fixture(scope="module")
def task():
    return VeConvTask(VeConvConfig(task_cls="ve_conv", width=0.05, feature_dim=6, audio_seconds=2.8)).eval()


def test_the_step_size_falls_in_steps(task):
    assert [task.schedule(update) for update in (0, 9_999, 10_000, 25_000)] == pytest.approx([1, 1, 0.95, 0.95**2])


def test_a_voice_is_heard_in_windows(task):
    assert task.samples == 44_800
    assert task.hearing()(np.zeros(44_800, np.float32)).shape[0] == 2, "real and imaginary part"
    with pytest.raises(DataError, match="no speech in it"):
        task.listen(np.zeros(44_800, np.float32))
