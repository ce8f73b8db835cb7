"""The regression tells unseen persons before any update; others that cannot say a face space's features are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tasks.speech_to_face.config import VeConvConfig, VeRidgeConfig
from tasks.speech_to_face.face_encoder import FaceEncoderConfig, FaceEncoderTask
from tasks.speech_to_face.features import FaceFeatures
from tasks.speech_to_face.ve_conv import VeConvTask
from tasks.speech_to_face.ve_ridge import VeRidgeTask
from tests.made_persons import make_persons
from utils.errors import ConfigError


def test_the_regression_tells_of_unseen_persons_before_any_update(tmp_path):
    data = make_persons(tmp_path, 16, seconds=1.0, clips=2, val=0.25)
    builds = {entry: (entry * 0.618) % 1 for entry in data.entries("all")}
    task = VeRidgeTask(VeRidgeConfig(task_cls="ve_ridge", feature_dim=2, hidden=4, audio_seconds=1.0)).eval()
    task._data = data
    task._features = FaceFeatures({e: np.array([[b - 0.5, 0.3]], np.float32) for e, b in builds.items()})
    task.begin()
    heard, pairs = task.hear_split("val", 100)
    own = torch.tensor([builds[pair.entry] - 0.5 for pair in pairs])
    assert torch.corrcoef(torch.stack([heard[:, 0], own]))[0, 1] > 0.9
    assert F.mse_loss(heard[:, 1], torch.full_like(own, 0.3)) < 1e-4
    assert task.train_source().batch(np.random.default_rng(0)).sound.shape == (8, task.model.middle.shape[0])


def test_a_face_space_is_refused_by_what_says_no_negative_numbers(tmp_path, monkeypatch):
    make_persons(tmp_path, 4, seconds=0.5, clips=1)
    settings = FaceEncoderConfig(task_cls="face_encoder", network="face_space", feature_dim=4, classes=3)
    monkeypatch.setattr("tasks.speech_to_face.voice.load_face_encoder", lambda where: FaceEncoderTask(settings))
    names = {"binary_data_dir": str(tmp_path), "face_encoder": "e"}
    config = VeConvConfig(task_cls="ve_conv", width=0.05, feature_dim=4, **names)
    with pytest.raises(ConfigError) as error:
        VeConvTask(config).prepare()
    assert str(error.value) == (
        "e is a face space, whose features may be negative; ve_conv says none such. Take ve_ridge, or train another "
        "face encoder."
    )
    assert Path(tmp_path / "index.json").is_file()
