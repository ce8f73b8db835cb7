"""The card says what a checkpoint is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tasks import export_checkpoint
from tasks.registry import task_class
from utils.files.digests import sha256


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


def test_the_card_says_what_it_is_and_nothing_of_this_machine(run):
    export_checkpoint.main(["persons/face_decoder", "--consent", "everybody in writing"])
    file = run / "export/face_decoder.safetensors"
    text = file.with_suffix(".md").read_text()
    with safe_open(file, framework="pt") as opened:
        told = json.loads(opened.metadata()["vizeme"])
    assert told["licence"] == "CC0 | all agreed"
    assert "| Licence | CC0 \\| all agreed |" in text
    assert "| Consent | everybody in writing |" in text
    assert "- `val/face_cosine`: 0.625" in text
    assert f"`{'f' * 64}`" in text
    assert "| Weights | averaged |" in text
    assert sha256(file) in text
    for word in ("anna", "secret", str(run.parents[2])):
        assert word not in text
        assert word not in json.dumps(told)
    (run.parents[2] / "data/index.json").write_text(json.dumps({"fingerprint": "0" * 64, "licence": "another set's"}))
    export_checkpoint.main(["persons/face_decoder"])
    assert "| Licence | not stated |" in file.with_suffix(".md").read_text()
