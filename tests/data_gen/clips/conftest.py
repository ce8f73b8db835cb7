"""A corpus made once, and a small one, for all tests of clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipShards
from tests.data_gen.clips import toy
from tests.data_gen.clips.toy import NAMES, a_clip, files_of, words


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    return toy.make_videos(tmp_path_factory.mktemp("raw"), NAMES)


@pytest.fixture(scope="session")
def whole(videos, tmp_path_factory):
    """Make the corpus once, undisturbed."""
    out = tmp_path_factory.mktemp("whole") / "corpus"
    assert toy.build(words(videos, out)) == 0
    return files_of(out)


@pytest.fixture
def shards(tmp_path: Path) -> ClipShards:
    writer = ClipShardWriter(tmp_path / "clips", {"mel": 80})
    parts = {"a1": a_clip(30, 1000), "a2": a_clip(20, 2000), "b1": a_clip(40, 3000), "b2": "no face"}
    for digest, part in parts.items():
        writer.write_part(digest, part)
    writer.write(0, [("a/1", "a", "a1"), ("a/2", "a", "a2")], recipe="first")
    writer.write(1, [("b/1", "b", "b1"), ("b/2", "b", "b2")], recipe="second", first=2)
    return writer.finish(2)
