"""What is written is read, and pairs are what their names say."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from data_gen.face_voice.dataset import FaceVoiceDataset, Pairs
from tests.made_persons import made_face, made_voice, make_persons
from utils.errors import DataError


@pytest.fixture(scope="module")
def persons(tmp_path_factory) -> FaceVoiceDataset:
    return make_persons(tmp_path_factory.mktemp("persons") / "set", 8, clips=3, faces=2)


def test_what_is_written_is_read(persons):
    assert persons.wav(1, 2) == pytest.approx(made_voice(0.618, 3.0, 12), abs=1e-4)
    picture, points = made_face(0.618, 11)
    np.testing.assert_array_equal(persons.face(1, 1), picture)
    np.testing.assert_array_equal(persons.faces(1)[1], picture)
    np.testing.assert_allclose(persons.landmarks_px(1)[1], points)
    again = pickle.loads(pickle.dumps(persons))  # noqa: S301 (workers get it that way)
    assert again.wav(7, 0).shape == (48000,)


@pytest.mark.parametrize(
    ("pairing", "per_person"), [("one_to_one", 2), ("all_to_one", 3), ("all_to_all", 6), ("mean", 3)]
)
def test_pairs(persons, pairing, per_person):
    pairs = Pairs(persons, "train", pairing)
    assert len(pairs) == 6 * per_person
    found = [pairs[i] for i in range(len(pairs))]
    assert [p.entry for p in found] == [e for e in persons.entries("train", voices=True) for _ in range(per_person)]
    first = [(p.clip, p.face) for p in found[:per_person]]
    assert (
        first
        == {
            "one_to_one": [(0, 0), (1, 1)],
            "all_to_one": [(0, 0), (1, 0), (2, 0)],
            "all_to_all": [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)],
            "mean": [(0, None), (1, None), (2, None)],
        }[pairing]
    )
    with pytest.raises(IndexError):
        pairs[len(pairs)]


def test_no_pair_is_an_error(persons):
    with pytest.raises(DataError, match="no test person with a voice and a face"):
        Pairs(persons, "test", "mean")


def test_a_missing_folder_names_its_command(tmp_path):
    with pytest.raises(DataError, match=r"No persons at .*python data_gen/run.py face_voice --out"):
        FaceVoiceDataset(tmp_path)
    (tmp_path / "index.json").write_text('{"persons": 3}')
    with pytest.raises(DataError, match="persons: input should be a valid array"):
        FaceVoiceDataset(tmp_path)
