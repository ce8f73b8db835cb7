"""Of a group photo the person's own face is taken, or none: never another person's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_gen import run
from data_gen.templates import run as templates
from data_gen.templates.own_face import own_faces
from data_gen.templates.shards import TemplateShards
from tests.made_faces import draw_face, make_faces, make_recogniser
from utils.faces.crops import FIVE_POINTS
from utils.faces.detector import Face, LandmarkDetector

ANNA, BERT = np.eye(8, dtype=np.float32)[:2]


def near(template: np.ndarray, seed: int) -> np.ndarray:
    return template + np.random.default_rng(seed).normal(0, 0.1, 8).astype(np.float32)


def chosen(photos: dict[str, list[np.ndarray]]) -> tuple[dict[str, int], dict[str, str]]:
    """Return which face of each photo is taken, and the photos that are skipped with the reason."""
    pairs = [(Path(name), str(n).encode(), face) for name, faces in photos.items() for n, face in enumerate(faces)]
    skipped: dict[str, str] = {}
    taken = {str(photo): int(jpeg) for photo, jpeg, _ in own_faces(pairs, lambda p: p.parts[0], skipped)}
    return taken, skipped


def test_the_face_that_is_like_the_others_is_taken_whichever_is_larger():
    taken, skipped = chosen({
        "anna/1": [near(ANNA, 1)], "anna/2": [near(BERT, 2), near(ANNA, 3)], "anna/3": [near(ANNA, 4)],
        "bert/1": [near(BERT, 5)], "bert/2": [near(BERT, 6), near(ANNA, 7)],
    })  # fmt: skip
    assert taken == {"anna/1": 0, "anna/2": 1, "anna/3": 0, "bert/1": 0, "bert/2": 0}
    assert skipped == {}


def test_a_group_without_the_person_or_without_another_photo_is_skipped_and_named():
    strangers = np.eye(8, dtype=np.float32)[2:4]
    taken, skipped = chosen({
        "anna/1": [near(ANNA, 1)], "anna/2": [near(strangers[0], 2), near(strangers[1], 3)], "carl": [ANNA, BERT],
    })  # fmt: skip
    assert taken == {"anna/1": 0}
    assert skipped == {
        "anna/2": "2 faces, and none is clearly like this person's other photos; cut the others off",
        "carl": "2 faces, and no other photo of this person alone to tell whose it is; cut the others off",
    }


class Squares(LandmarkDetector):
    """Find a face in each square of a row of them."""

    name, smoothing_frames = "squares", 0.0

    def detect(self, frame):
        points = np.zeros((68, 2), np.float32)
        points[36:42], points[42:48], points[30], points[48], points[54] = FIVE_POINTS + 0.5
        side = frame.shape[0]
        shifts = [(side * n, 0) for n in range(frame.shape[1] // side)]
        return [Face(points + shift, (shift[0], 0, shift[0] + side, side)) for shift in shifts]


@pytest.fixture
def faces(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "make_detector", lambda name: Squares())
    monkeypatch.setattr(templates, "_detectors", {})
    make_faces(tmp_path / "faces", people=3, photos=3)
    group = np.concatenate([draw_face(1, 7), draw_face(0, 7)], axis=1)
    Image.fromarray(group).save(tmp_path / "faces/person0/group.png")
    make_recogniser(tmp_path / "little.onnx")
    return tmp_path


def test_the_command_stores_the_persons_own_face_of_a_group_photo(faces):
    given = ["templates", "--faces", faces / "faces", "--out", faces / "binary", "--recogniser", faces / "little.onnx"]
    assert run.main([*map(str, given), "--val_identities", "1"]) == 0
    shards = TemplateShards(faces / "binary")
    split, index = next(
        (split, i) for split in ("train", "val") for i in range(shards.count(split))
        if shards.name(split, i) == "person0/group.png"
    )  # fmt: skip
    crop = shards.read(split, index).crop.astype(int)
    assert np.abs(crop - draw_face(0, 7)).mean() < 0.5 * np.abs(crop - draw_face(1, 7)).mean()
