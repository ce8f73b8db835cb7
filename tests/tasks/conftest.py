"""What several tests of tasks need: a run as training writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tasks.registry import task_class


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """Write a run of a small face decoder, as training with an average writes it."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    (data / "index.json").write_text(json.dumps({"fingerprint": "f" * 64, "licence": "CC0 | all agreed"}))
    kind = task_class("face_decoder")
    recipe = {
        "task_cls": "face_decoder", "feature_dim": 6, "size": 32, "width": 0.02, "binary_data_dir": str(data),
        "face_encoder": "/home/anna/secret/vgg.pt",
    }  # fmt: skip
    task = kind(kind.schema.model_validate(recipe))
    state = task.state_dict()
    folder = tmp_path / "checkpoints/persons/face_decoder"
    folder.mkdir(parents=True)
    torch.save({
        "state_dict": state,
        "vizeme": {
            "updates": 70, "recipe": task.cfg.model_dump(mode="json"), "data_fingerprint": "f" * 64, "extra": {},
            "frozen": {"face_encoder": {"path": "/home/anna/secret/vgg.pt", "sha256": "a" * 64}},
            "raw_state": {name: value + 1 for name, value in state.items()},
        },
    }, folder / "model_ckpt_steps_70.ckpt")  # fmt: skip
    (folder / "checkpoints.json").write_text(json.dumps({"70": {"val/face_cosine": 0.625}}))
    return folder
