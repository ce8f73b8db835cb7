"""What every writer of shards promises: what is there is kept, what no longer belongs goes, what is not ours stays."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from data_gen.shard_writer import ShardWriter
from utils.errors import DataError
from utils.files.tables import read_json, write_json


class Index(BaseModel):
    """What the index of a folder of toys says."""

    toys: int


class ToyWriter(ShardWriter):
    """Write a shard of one line."""

    stem = "toys"

    def write(self, number: int, text: str, recipe: str) -> None:
        """Write shard `number`; without text there are notes only."""
        if text:
            self.shard(number).write_text(text)
        write_json(self.notes(number), {"recipe": recipe, "files": [text] if text else []})


class OftenEmpty(ToyWriter):
    """Believe notes without a shard when they say that nothing could be used."""

    def is_empty(self, notes):
        return notes.get("files") == []


def test_shards_are_numbered_and_kept_by_their_recipe(tmp_path):
    writer = ToyWriter(tmp_path / "deep" / "toys")
    writer.write(3, "ball", "red")
    assert {path.name for path in writer.path.iterdir()} == {"toys-00003.safetensors", "toys-00003.json"}
    assert writer.has(3, "red")
    assert not writer.has(3, "blue")
    assert not writer.has(0, "red")
    assert writer.outdated(3) == (writer.path / "index.json", writer.notes(3))


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"files": []}'])
def test_damaged_notes_are_not_believed(tmp_path, damage):
    writer = ToyWriter(tmp_path)
    writer.write(0, "ball", "red")
    writer.notes(0).write_text(damage)
    assert not writer.has(0, "red")
    assert writer.read_notes(0).get("recipe") is None


def test_notes_without_a_shard_count_only_where_nothing_could_be_used(tmp_path):
    for kind, kept in ((ToyWriter, False), (OftenEmpty, True)):
        writer = kind(tmp_path)
        writer.write(0, "", "red")
        assert writer.has(0, "red") is kept
    writer.write(1, "ball", "red")
    writer.shard(1).unlink()
    assert not writer.has(1, "red")


def test_closing_deletes_only_our_shards_that_the_index_does_not_name(tmp_path):
    writer = ToyWriter(tmp_path)
    for number in range(3):
        writer.write(number, "ball", "red")
    for name in ("toys-1.json", "balls-00002.json", "toys-00002.json.mine", "notes.txt"):
        (tmp_path / name).write_text("mine")
    writer.close(2, Index(toys=2))
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.json", "toys-00000.json", "toys-00000.safetensors", "toys-00001.json", "toys-00001.safetensors",
        "toys-1.json", "balls-00002.json", "toys-00002.json.mine", "notes.txt",
    }  # fmt: skip
    assert read_json(tmp_path / "index.json") == {"toys": 2}
    assert [notes["recipe"] for notes in writer.all_notes(2)] == ["red", "red"]
    assert json.loads(writer.notes(1).read_text())["files"] == ["ball"]


def test_that_nothing_could_be_used_is_told_with_three_reasons(tmp_path):
    writer = ToyWriter(tmp_path)
    with pytest.raises(DataError) as error:
        writer.refuse_nothing("not one toy", dict.fromkeys("abcd", "broken"))
    assert str(error.value) == f"{tmp_path}: not one toy could be used. a: broken; b: broken; c: broken"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(DataError, match=r"The folder .*file/toys cannot be made"):
        ToyWriter(tmp_path / "file" / "toys")
