"""The maker of persons resumes, splits, and lists what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen import run
from data_gen.demo.identity import make_identity
from data_gen.face_voice import run as face_voice_run
from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.faces import mean_shape
from data_gen.face_voice.run import FaceVoiceCommand
from data_gen.face_voice.sound import clean_speech, spectrogram
from tests.made import write_tone
from tests.made_persons import made_face, made_voice
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector


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


def test_voices_that_speech_to_face_processed_are_heard_again(tmp_path, raw):
    for sound in [*raw.rglob("*.wav"), *raw.rglob("*.WAV")]:
        sound.unlink()
    parts = spectrogram(clean_speech(made_voice(0.5, 1.0)), "magphase").numpy()
    for name in ("anna", "cleo"):
        np.save(raw / name / "audios/1.npy", parts)
        np.save(raw / name / "images/1_embedding.npy", np.zeros(4096, np.float32))
    assert run.main(["face_voice", "--persons", str(raw), "--out", str(tmp_path / "out")]) == 0
    dataset = FaceVoiceDataset(tmp_path / "out")
    assert [(p.id, p.clips, p.faces) for p in dataset.persons] == [
        ("anna", ["1.npy"], ["1.png"]),
        ("cleo", ["1.npy"], ["1.png"]),
    ]
    assert not [file for file in dataset.index.skipped if "embedding" in file]
    whole = clean_speech(made_voice(0.5, 1.0))
    assert np.corrcoef(dataset.wav(0, 0), whole[: len(dataset.wav(0, 0))])[0, 1] > 0.99


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


def test_a_person_is_one_in_both_forms_of_unicode(tmp_path):
    for name in ("Jose\u0301", "anna"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "1.wav").touch()
    (tmp_path / "labels.csv").write_text("person,label\nJos\u00e9,young\n", encoding="utf-8")
    args = FaceVoiceCommand(persons=tmp_path / "all", out=tmp_path / "out", labels=tmp_path / "labels.csv")
    persons = face_voice_run.find_persons(args, tmp_path / "all")
    assert [(person.id, person.label) for person in persons] == [("Jos\u00e9", "young"), ("anna", "")]
    (tmp_path / "all/Jos\u00e9").mkdir()
    (tmp_path / "all/Jos\u00e9/1.wav").touch()
    with pytest.raises(DataError, match="are called Jos\u00e9, in two forms of Unicode"):
        face_voice_run.find_persons(args, tmp_path / "all")


def test_labels_come_from_a_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("person,label\nanna,young\n")
    assert face_voice_run.read_labels(table) == {"anna": "young"}
    table.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="has no column 'person'"):
        face_voice_run.read_labels(table)


def test_made_persons_are_labelled_by_the_kind_of_their_voice():
    persons = face_voice_run.made_persons(FaceVoiceCommand(out=Path("x"), made=20), 20)
    for person in persons:
        voice = make_identity(person.made_seed or 0).voice
        assert person.label == {"f": "high voice", "m": "low voice"}[voice.variant[0]]
    assert len({person.label for person in persons}) == 2
    assert len({person.split for person in persons}) == 3
