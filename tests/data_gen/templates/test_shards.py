"""A pair is read by its number from any shard, and a damaged picture is named."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.templates.shards import TemplateShards, decode, encode
from data_gen.templates.writer import TemplateShardWriter
from tests.made_faces import draw_face
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId

LITTLE = RecogniserId(name="little", sha256="0" * 64, width=4)


def pair(person: int, take: int) -> tuple[str, int, bytes, np.ndarray]:
    return f"{person}/{take}.jpg", person, encode(draw_face(person, take)), np.full(4, 10 * person + take, np.float32)


@pytest.fixture
def shards(tmp_path) -> TemplateShards:
    writer = TemplateShardWriter(tmp_path, LITTLE)
    writer.write(0, [pair(0, 0), pair(0, 1)], split="train", recipe="a")
    writer.write(1, [pair(2, 0)], split="val", recipe="b")
    writer.write(2, [pair(1, 0)], split="train", recipe="c")
    return writer.finish(3)


def test_pairs_are_numbered_through_the_shards_of_their_split(shards):
    assert (shards.count("train"), shards.count("val"), shards.width) == (3, 1, 4)
    assert [shards.name("train", number) for number in range(3)] == ["0/0.jpg", "0/1.jpg", "1/0.jpg"]
    third = shards.read("train", 2)
    assert third.identity == 1
    assert third.template.tolist() == [10, 10, 10, 10]
    assert np.abs(third.crop.astype(int) - draw_face(1, 0)).mean() < 3
    templates, identities = shards.templates("train")
    some = np.arange(0, len(templates), 2)
    np.testing.assert_array_equal(shards.templates("train", some)[0], templates[some])
    np.testing.assert_array_equal(shards.templates("train", some)[1], identities[some])
    np.testing.assert_array_equal(shards.identities("train"), identities)
    assert templates[:, 0].tolist() == [0, 1, 10]
    assert identities.tolist() == [0, 0, 1]


def test_a_picture_comes_back_nearly_as_it_was():
    picture = draw_face(3, 1)
    again = decode(encode(picture))
    assert again.shape == picture.shape
    assert again.dtype == np.uint8
    assert np.abs(again.astype(int) - picture).mean() < 2
    np.testing.assert_array_equal(decode(encode(again)).shape, again.shape)


def test_a_damaged_picture_is_named_and_the_others_are_read(shards):
    file = shards.path / "faces-00000.safetensors"
    second = encode(draw_face(0, 1))
    content = file.read_bytes()
    place = content.index(second) + len(second) // 2
    file.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
    damaged = TemplateShards(shards.path)
    assert damaged.read("train", 0).identity == 0
    with pytest.raises(DataError) as error:
        damaged.read("train", 1)
    assert str(error.value) == f"{file} is damaged at picture 1. Delete it and make it again."
