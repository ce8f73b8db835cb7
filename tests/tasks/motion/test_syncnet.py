"""SyncNet finds offsets where there is enough to find them in."""

from __future__ import annotations

import pytest
import torch

from tasks.motion.syncnet import SyncNetConfig, SyncNetTask, offset_shares
from utils.errors import DataError


def test_too_few_frames_for_an_offset_are_refused():
    task = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32))
    with pytest.raises(DataError, match="4 frames are too few"):
        task.find_offset(torch.zeros(8, 39), torch.zeros(4, 68, 3))
    assert task.find_offset(torch.zeros(10, 39), torch.zeros(5, 68, 3)).curve.shape == (3,)


def test_offsets_of_seconds_are_counted_by_which_side_they_lie_on():
    offsets = torch.tensor([0, 0, 1, -1, 2, -3, -3, -15])
    assert offset_shares(offsets) == {
        "windows": 8, "within_1": 0.5, "early": 0.375, "late": 0.125,
        "histogram": {"-15": 1, "-3": 2, "-1": 1, "+0": 2, "+1": 1, "+2": 1},
    }  # fmt: skip
    assert offset_shares(torch.zeros(0)) == {"windows": 0}


def test_a_second_is_judged_where_there_is_one():
    task = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=32))
    seconds = task.find_seconds(torch.randn(160, 39), torch.randn(80, 68, 3))
    assert seconds["windows"] == sum(seconds["histogram"].values()) == 80 - 4 - 2 * 15 - 21 + 1
    assert task.find_seconds(torch.zeros(60, 39), torch.zeros(30, 68, 3)) == {"windows": 0}
