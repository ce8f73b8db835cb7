"""A face encoder is trained, or taken from published weights; shapes and errors by hand."""

from __future__ import annotations

import pytest
import torch

from tasks.speech_to_face.face_encoder import load_face_encoder
from utils.errors import ConfigError, DataError


def test_a_wrong_face_encoder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"No face encoder at .*Or give the file of the published VGG-Face"):
        load_face_encoder(str(tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"No weights at .*none\.pt"):
        load_face_encoder(str(tmp_path / "none.pt"))


def test_a_file_that_is_no_vgg_face_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.speech_to_face.face_encoder.PUBLISHED_CLASSES", 3)
    monkeypatch.setattr("tasks.speech_to_face.face_encoder.FaceEncoder", _tiny)
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"a\.pt does not hold VGG-Face: 'conv1\.weight' is not a tensor of VGG-Face"):
        load_face_encoder(str(tmp_path / "a.pt"))
    (tmp_path / "b.pt").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"b\.pt is a text file, not a torch"):
        load_face_encoder(str(tmp_path / "b.pt"))
    torch.save([1, 2], tmp_path / "c.pt")
    with pytest.raises(DataError, match="holds no tensors"):
        load_face_encoder(str(tmp_path / "c.pt"))


def test_published_weights_become_a_face_encoder(tmp_path, monkeypatch):
    from tests.modules.faces.test_vgg_face import published_state

    monkeypatch.setattr("tasks.speech_to_face.face_encoder.FaceEncoder", _tiny)
    model = _tiny("vgg_face", 3).eval()
    torch.save({"model_state_dict": published_state(model.backbone)}, tmp_path / "vgg.pt")
    task = load_face_encoder(str(tmp_path / "vgg.pt"))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(task.features(images, torch.zeros(2, 68, 2)), model(images))
    assert task.source["sha256"]


def _tiny(kind, classes, **_):
    from modules.speech_to_face.face_encoder import FaceEncoder

    return FaceEncoder(kind, 5, feature_dim=6, size=64, width=0.05)


def test_published_weights_are_not_trained():
    from tasks.speech_to_face.face_encoder import FaceEncoderConfig, FaceEncoderTask

    with torch.device("meta"):
        task = FaceEncoderTask(FaceEncoderConfig(task_cls="face_encoder", network="vgg_face"))
    with pytest.raises(ConfigError, match="for published weights"):
        task.prepare()
