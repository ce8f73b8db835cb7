"""Shards of pairs are kept by their recipe, an empty one too, and the index is the sum of their notes."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.templates.writer import TemplateShardWriter
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId
from utils.files.tables import read_json

LITTLE = RecogniserId(name="little", sha256="0" * 64, width=2)
TEMPLATE = np.array([1, 2], np.float32)


def test_the_index_is_the_sum_of_the_notes(tmp_path):
    writer = TemplateShardWriter(tmp_path / "faces", LITTLE, licence="mine")
    pairs = [("a/1.jpg", 0, b"x", TEMPLATE), ("a/2.jpg", 0, b"yy", TEMPLATE), ("b/1.jpg", 1, b"z", TEMPLATE)]
    assert writer.write(0, pairs, split="train", recipe="r", skipped={"a/3.jpg": "no face found"}) == 3
    assert writer.write(1, [], split="val", recipe="e", skipped={"c/1.jpg": "no face found"}) == 0
    index = writer.finish(2).index
    assert [(shard.file, shard.split, shard.count, shard.identities) for shard in index.shards] == [
        ("faces-00000.safetensors", "train", 3, 2)
    ]
    assert (index.skipped, index.licence, index.recogniser) == (2, "mine", LITTLE)
    assert read_json(writer.notes(0)) == {
        "recipe": "r", "split": "train", "files": ["a/1.jpg", "a/2.jpg", "b/1.jpg"], "identities": 2,
        "skipped": {"a/3.jpg": "no face found"},
    }  # fmt: skip


def test_a_shard_is_kept_while_its_file_is_there_or_it_never_had_one(tmp_path):
    writer = TemplateShardWriter(tmp_path, LITTLE)
    writer.write(0, [("a/1.jpg", 0, b"x", TEMPLATE)], split="train", recipe="r")
    writer.write(1, [], split="val", recipe="e")
    assert writer.has(0, "r")
    assert writer.has(1, "e")
    assert not writer.has(1, "r")
    writer.shard(0).unlink()
    assert not writer.has(0, "r")


def test_a_shard_written_anew_is_not_believed_before_it_is_whole(tmp_path):
    writer = TemplateShardWriter(tmp_path, LITTLE)
    writer.write(0, [("a/1.jpg", 0, b"x", TEMPLATE)], split="train", recipe="r")
    writer.finish(1)
    with pytest.raises(DataError, match=r"b\.jpg: its template holds numbers that are none\. Leave the photo out\."):
        writer.write(0, [("b.jpg", 0, b"x", TEMPLATE * np.nan)], split="train", recipe="n")
    assert writer.has(0, "r"), "what was there stays when the new one is refused"
    assert (tmp_path / "index.json").is_file()


def test_nothing_but_refusals_is_an_error(tmp_path):
    writer = TemplateShardWriter(tmp_path, LITTLE)
    writer.write(0, [], split="train", skipped={"a.jpg": "no face found"})
    with pytest.raises(DataError) as error:
        writer.finish(1)
    assert str(error.value) == f"{tmp_path}: not one photo could be used. a.jpg: no face found"
