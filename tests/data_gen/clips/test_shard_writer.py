"""Clips are checked when they come in, and a finished shard is kept."""

from __future__ import annotations

import pytest

from data_gen.clips.shard_writer import ClipShardWriter
from tests.data_gen.clips.toy import a_clip
from utils.errors import DataError


def test_a_shard_made_of_the_same_files_is_kept(shards):
    writer = ClipShardWriter(shards.path, {"mel": 80})
    assert writer.has(0, "first")
    assert not writer.has(0, "other")
    assert not writer.has(7, "first")


def test_wrong_lengths_are_refused(tmp_path):
    clip = a_clip(20, 0)
    clip["mel"] = clip["mel"][:-1]
    with pytest.raises(DataError, match="clip x: mel wants 40 rows for 20 frames"):
        ClipShardWriter(tmp_path, {"mel": 80}).write_part("x", clip)
