"""Face features are computed once, kept beside the data, and looked up by entry and picture."""

from __future__ import annotations

import numpy as np
import torch

from tasks.speech_to_face.features import FaceFeatures, encode, features_of, measured_of
from tests.made_persons import make_persons


class Mean:
    """An encoder whose feature is the mean colour."""

    device = torch.device("cpu")

    def __init__(self, sha256=""):
        self.source = {"sha256": sha256}
        self.calls = 0

    def to(self, device):
        return self

    def model(self, images, landmarks):
        self.calls += 1
        return images.mean((2, 3))


def test_the_feature_of_a_person_is_the_mean_of_their_pictures():
    features = FaceFeatures({3: np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)})
    assert features.dim == 2
    assert features.face(3, 1).tolist() == [3, 6]
    assert features.face(3, None).tolist() == [2, 4]


def test_pictures_go_in_as_shares_of_255():
    pictures = np.full((2, 4, 4, 3), (51, 102, 255), np.uint8)
    features = encode(Mean(), pictures, np.zeros((2, 68, 2), np.float32))
    torch.testing.assert_close(features, torch.tensor([[0.2, 0.4, 1.0]] * 2))


def test_features_are_computed_once_for_an_encoder_that_says_which_it_is(tmp_path):
    data = make_persons(tmp_path / "set", 2, clips=1, faces=2)
    first, again, other, unnamed = Mean("a" * 64), Mean("a" * 64), Mean("b" * 64), Mean()
    rows = features_of(data, first).rows
    assert sorted(rows) == data.entries("all")
    kept = features_of(data, again).rows
    assert (first.calls, again.calls) == (2, 0)
    for entry, row in rows.items():
        np.testing.assert_array_equal(kept[entry], row)
        np.testing.assert_allclose(row, data.faces(entry).mean((1, 2)) / 255, rtol=1e-4)
    features_of(data, other)
    features_of(data, unnamed)
    assert (other.calls, unnamed.calls) == (2, 2)
    assert len(list((tmp_path / "set").glob("features-*.safetensors"))) == 2


def test_a_folder_that_may_only_be_read_costs_only_the_keeping(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError("read-only")

    monkeypatch.setattr("tasks.speech_to_face.features.save_arrays", full)
    data = make_persons(tmp_path / "set", 2, clips=1, faces=1)
    assert len(features_of(data, Mean("a" * 64)).rows) == 2
    assert "it is computed again next time" in caplog.text


def test_voices_are_measured_once(tmp_path, monkeypatch):
    data = make_persons(tmp_path / "set", 3, clips=2, seconds=0.5)
    table = measured_of(data)
    assert {entry: len(rows) for entry, rows in table.items()} == dict.fromkeys(data.entries("all"), 2)
    monkeypatch.setattr("tasks.speech_to_face.features.measure", None)
    for entry, rows in measured_of(data).items():
        torch.testing.assert_close(rows, table[entry], rtol=0, atol=0)
