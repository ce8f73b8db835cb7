"""Persons are written as they will be read, and shards of nobody are refused."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.face_voice.writer import FaceVoiceWriter, MadePerson
from tests.made_persons import made_face
from utils.errors import DataError
from utils.files.tables import read_json


def test_a_person_comes_back_and_a_sound_beyond_full_scale_is_clipped(tmp_path):
    picture, points = made_face(0.5)
    writer = FaceVoiceWriter(tmp_path, licence="drawn")
    sound = np.array([0.0, 0.5, -1.0, 2.0], np.float32)
    writer.write(0, [MadePerson("anna", "young", "val", [("a.wav", sound)], [("a.png", picture, points)])], recipe="r")
    dataset = writer.finish(1)
    assert dataset.wav(0, 0) == pytest.approx([0.0, 0.5, -1.0, 1.0], abs=2e-5)
    np.testing.assert_array_equal(dataset.face(0, 0), picture)
    np.testing.assert_array_equal(dataset.landmarks_px(0), points[None])
    (person,) = dataset.persons
    assert (person.id, person.label, person.split) == ("anna", "young", "val")
    assert person.shard == "persons-00000.safetensors"
    assert (person.clips, person.faces) == (["a.wav"], ["a.png"])
    assert dataset.index.licence == "drawn"


def test_what_was_refused_is_kept_with_its_reason_and_nobody_is_an_error(tmp_path):
    writer = FaceVoiceWriter(tmp_path)
    writer.write(0, [], recipe="r", skipped={"bert": "no usable face"})
    assert writer.has(0, "r")
    assert read_json(tmp_path / "persons-00000.json") == {
        "recipe": "r", "persons": [], "skipped": {"bert": "no usable face"},
    }  # fmt: skip
    with pytest.raises(DataError) as error:
        writer.finish(1)
    assert str(error.value) == f"{tmp_path}: nobody could be used. bert: no usable face"
    assert not (tmp_path / "index.json").exists()
