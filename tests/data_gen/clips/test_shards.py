"""Shards of clips are read back lazily, and one that is damaged is named."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from data_gen.clips.shards import ClipShards
from utils.errors import DataError


def test_shards_are_read_back_and_split(shards):
    assert [clip.split for clip in shards.index.clips] == ["train", "train", "val"]
    assert shards.index.skipped == {"b/2": "no face"}
    clip = shards.index.clips[1]
    assert shards.read(clip, "pitch_hz", 4, 8).tolist() == [2002, 2002, 2003, 2003]
    again = pickle.loads(pickle.dumps(shards))  # noqa: S301 -- as a worker process gets it
    assert again.read(clip, "landmarks", 0, 1).shape == (1, 68, 3)


def test_a_shard_is_plain_safetensors(shards):
    from safetensors.numpy import load_file

    arrays = load_file(shards.path / "clips-00000.safetensors")
    clip = shards.index.clips[1]
    for name in ("landmarks", "mel", "pitch_hz"):
        whole = arrays[f"{clip.key}/{name}"]
        np.testing.assert_array_equal(shards.read(clip, name, 3, 9), whole[3:9])
        np.testing.assert_array_equal(shards.read(clip, name, 15, 99), whole[15:])


def test_a_damaged_shard_is_named(shards):
    file = shards.path / "clips-00000.safetensors"
    content = file.read_bytes()
    for damaged in (content[:-5], content[:100], b"", b"x" * 500):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"clips-00000\.safetensors is damaged: .* Make the clips again\."):
            ClipShards(shards.path).read(shards.index.clips[0], "mel", 0, 2)
