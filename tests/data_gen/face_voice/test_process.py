"""A person's files become sounds and faces, as many as are wanted, and what cannot be used is told."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.face_voice.faces import mean_shape
from data_gen.face_voice.process import Limits, PersonFiles, process_person
from tests.made import write_tone
from tests.made_persons import made_face, made_voice
from utils.faces.detector import Face, LandmarkDetector
from utils.media.pictures import write_picture
from utils.media.video import VideoWriter


class Everywhere(LandmarkDetector):
    """Find a face in every picture that is not black."""

    name = "everywhere"
    smoothing_frames = 0.0

    def detect(self, frame):
        return [Face(mean_shape(), (0, 0, 1, 1))] if frame.any() else []


@pytest.fixture
def files(tmp_path) -> PersonFiles:
    """Write three sounds and three pictures of a person; the first picture is black."""
    sounds, pictures = [], []
    for number in range(3):
        sounds.append(tmp_path / f"{number}.wav")
        write_tone(sounds[-1], made_voice(0.5, 2.0, number))
        pictures.append(tmp_path / f"{number}.png")
        write_picture(pictures[-1], made_face(0.5)[0] * (number > 0))
    return PersonFiles("anna", "train", "young", tuple(sounds), tuple(pictures))


def test_limits_hold_and_a_picture_without_a_face_is_told(files):
    result = process_person(files, Everywhere(), Limits(clips=2, faces=2, seconds=1.0))
    person = result.person
    assert (person.id, person.label, person.split) == ("anna", "young", "train")
    assert [(name, len(wav)) for name, wav in person.clips] == [("0.wav", 16_000), ("1.wav", 16_000)]
    assert [name for name, _, _ in person.faces] == ["1.png"]
    assert person.faces[0][1].shape == (224, 224, 3)
    assert result.skipped == {str(files.pictures[0]): "no face in it"}


def test_without_voices_no_sound_is_read(files):
    assert process_person(files, Everywhere(), Limits(voices=False)).person.clips == []


def test_a_video_gives_the_faces_that_are_not_there_as_pictures(files, tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 224, 224) as out:
        for _ in range(50):
            out.write(made_face(0.5)[0])
    files = PersonFiles("anna", "train", sounds=files.sounds[:1], videos=(tmp_path / "a.mp4",))
    person = process_person(files, Everywhere(), Limits(faces_per_video=3)).person
    assert [name for name, _, _ in person.faces] == ["a.mp4#0.0s", "a.mp4#0.8s", "a.mp4#1.8s"]


def test_a_changed_file_has_another_stamp(files):
    before = files.stamps()
    assert len(before) == 6
    files.sounds[0].write_bytes(b"another")
    after = files.stamps()
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_a_made_person_is_the_same_every_time():
    files, limits = PersonFiles("made", "val", made_seed=3), Limits(made_clips=1, made_faces=1)
    first, second = (process_person(files, None, limits).person for _ in range(2))
    np.testing.assert_array_equal(first.clips[0][1], second.clips[0][1])
    np.testing.assert_array_equal(first.faces[0][1], second.faces[0][1])
    assert first.faces[0][2].shape == (68, 2)


class Pairs(LandmarkDetector):
    """Find two faces of a size in every picture."""

    name = "pairs"
    smoothing_frames = 0.0

    def detect(self, frame):
        return [Face(mean_shape(), (0, 0, 9, 9)), Face(mean_shape(), (9, 0, 18, 9))]


def test_a_group_photo_in_a_persons_folder_is_skipped_and_named(files, tmp_path):
    result = process_person(files, Pairs(), Limits(voices=False))
    assert result.person.faces == []
    assert set(result.skipped) == {str(path) for path in files.pictures}
    assert all("2 faces in it" in why for why in result.skipped.values())
    with VideoWriter(tmp_path / "a.mp4", 224, 224) as out:
        for _ in range(10):
            out.write(made_face(0.5)[0])
    result = process_person(PersonFiles("anna", "train", videos=(tmp_path / "a.mp4",)), Pairs(), Limits(voices=False))
    assert "2 faces in it" in result.skipped[str(tmp_path / "a.mp4")]
