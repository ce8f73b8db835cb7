"""SyncNet finds offsets where there is enough to find them in."""

from __future__ import annotations

import pytest
import torch

from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from utils.errors import DataError


def test_too_few_frames_for_an_offset_are_refused():
    task = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32))
    with pytest.raises(DataError, match="4 frames are too few"):
        task.find_offset(torch.zeros(8, 39), torch.zeros(4, 68, 3))
    assert task.find_offset(torch.zeros(10, 39), torch.zeros(5, 68, 3)).curve.shape == (3,)
