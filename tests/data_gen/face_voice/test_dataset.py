"""Splits keep persons whole, pairs are what their names say, the maker resumes and lists what it refuses."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest

from data_gen import run
from data_gen.face_voice import run as face_voice_run
from data_gen.face_voice.dataset import FaceVoiceDataset, Pairs
from data_gen.face_voice.faces import mean_shape
from data_gen.face_voice.splits import split_persons
from tests.made import write_tone
from tests.made_persons import made_face, made_voice, make_persons
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector


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


def test_persons_are_whole_and_labels_are_spread():
    names = [f"n{i}" for i in range(200)]
    labels = {name: "ab"[i % 4 == 0] for i, name in enumerate(names)}
    splits = split_persons(names, labels, val=0.1, test=0.1)
    assert Counter(splits.values()) == {"train": 160, "val": 20, "test": 20}
    for split in ("val", "test"):
        share = sum(labels[n] == "b" for n in names if splits[n] == split) / 20
        assert share == pytest.approx(0.25, abs=0.06)
    assert split_persons(list(reversed(names)), labels) == splits
    assert set(split_persons(["a", "b"]).values()) == {"train", "val"}
    assert Counter(split_persons(names[:20], val=0.25, test=0).values()) == {"train": 15, "val": 5}


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


class Everywhere(LandmarkDetector):
    """Find a face in every picture that is not black."""

    name = "everywhere"
    smoothing_frames = 0.0
    asked = 0

    def detect(self, frame):
        Everywhere.asked += 1
        return [Face(mean_shape(), (0, 0, 1, 1))] if frame.any() else []


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """Lay out three persons' folders: one whole, one without a face, one with a silent sound too."""
    import cv2

    monkeypatch.setattr(face_voice_run, "make_detector", lambda name: Everywhere())
    monkeypatch.setattr(face_voice_run, "_detectors", {})
    Everywhere.asked = 0
    folder = tmp_path / "raw"
    for name, picture in (("anna", 1), ("bert", 0), ("cleo", 1)):
        (folder / name / "audios").mkdir(parents=True)
        (folder / name / "images").mkdir()
        write_tone(folder / name / "audios/1.WAV", made_voice(0.5, 1.0))
        cv2.imwrite(str(folder / name / "images/1.png"), picture * made_face(0.5)[0])
    write_tone(folder / "cleo/audios/0.wav", np.zeros(16000))
    return folder


def test_the_maker_lists_what_it_refuses_and_keeps_what_it_made(tmp_path, raw, capsys):
    words = ["face_voice", "--persons", str(raw), "--out", str(tmp_path / "out"), "--per_shard", "2"]
    assert run.main(words) == 0
    said = capsys.readouterr().out
    assert f"skipped {raw}/bert/images/1.png: no face in it" in said
    assert f"skipped {raw}/cleo/audios/0.wav: no speech in it (0.00 s of voice; 0.3 s are needed)" in said
    assert "no usable face" in said
    dataset = FaceVoiceDataset(tmp_path / "out")
    assert [(p.id, p.clips, p.faces) for p in dataset.persons] == [
        ("anna", ["1.WAV"], ["1.png"]),
        ("cleo", ["1.WAV"], ["1.png"]),
    ]
    assert {p.split for p in dataset.persons} <= {"train", "val"}
    asked = Everywhere.asked
    assert run.main(words) == 0
    assert Everywhere.asked == asked
    assert FaceVoiceDataset(tmp_path / "out").index == dataset.index


def test_folders_called_train_and_val_are_the_split(tmp_path, raw):
    (raw / "train").mkdir()
    (raw / "val").mkdir()
    (raw / "anna").rename(raw / "train/anna")
    (raw / "cleo").rename(raw / "val/anna")
    (raw / "bert").rename(raw / "train/bert")
    assert run.main(["face_voice", "--persons", str(raw), "--out", str(tmp_path / "out")]) == 0
    dataset = FaceVoiceDataset(tmp_path / "out")
    assert [(p.id, p.split) for p in dataset.persons] == [("anna", "train"), ("anna", "val")]
    assert dataset.numbers == [0, 0]


def test_faces_alone_for_a_face_encoder(tmp_path, raw):
    for sound in raw.rglob("*.wav"):
        sound.unlink()
    assert run.main(["face_voice", "--persons", str(raw), "--out", str(tmp_path / "out"), "--faces_only"]) == 0
    assert [p.clips for p in FaceVoiceDataset(tmp_path / "out").persons] == [[], []]


def test_files_are_split_when_asked(tmp_path, raw):
    import shutil

    for name in ("anna", "cleo"):
        for kind, file in (("audios", "1.WAV"), ("images", "1.png")):
            for copy in range(2, 5):
                place = raw / name / kind / file
                shutil.copy(place, place.with_name(f"{copy + 10}{place.suffix}"))
    words = ["face_voice", "--persons", str(raw), "--out", str(tmp_path / "out"), "--split_by", "file"]
    assert run.main(words) == 0
    dataset = FaceVoiceDataset(tmp_path / "out")
    assert [(p.id, p.split, len(p.faces)) for p in dataset.persons] == [
        ("anna", "train", 3), ("anna", "val", 1), ("cleo", "train", 3), ("cleo", "val", 1),
    ]  # fmt: skip


def test_nobody_is_an_error(tmp_path):
    with pytest.raises(DataError, match="Nobody under"):
        run.main(["face_voice", "--persons", str(tmp_path), "--out", str(tmp_path / "out")])


def test_labels_come_from_a_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("person,label\nanna,young\n")
    assert face_voice_run.read_labels(table) == {"anna": "young"}
    table.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="has no column 'person'"):
        face_voice_run.read_labels(table)
