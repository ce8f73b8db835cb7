"""A checkpoint goes out as safetensors with a card, comes back the same, and into ONNX where that can be."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from modules.onnx.export import GraphBuilder
from tasks import export_checkpoint, import_checkpoint
from tasks.core.loading import load_task
from tasks.registry import task_class
from tests.tasks.exchange import geneface_files
from utils.errors import ConfigError


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


def test_a_released_network_goes_there_and_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    released = geneface_files.save_syncnet(tmp_path / "model_ckpt_steps_40000.ckpt")
    import_checkpoint.main([str(released), "--exp_name", "lrs3/syncnet"])
    export_checkpoint.main(["lrs3/syncnet", "--out", "syncnet.safetensors"])
    import_checkpoint.main(["syncnet.safetensors", "--exp_name", "again/syncnet"])
    first, second = (load_task(f"{name}/syncnet").state_dict() for name in ("lrs3", "again"))
    assert set(first) == set(second)
    for name, value in first.items():
        assert second[name].numpy().tobytes() == value.numpy().tobytes()


def test_the_raw_weights_go_out_when_asked(run):
    export_checkpoint.main(["persons/face_decoder", "--weights", "raw", "--out", "raw.safetensors", "--steps", "70"])
    raw = load_file("raw.safetensors")
    kept = torch.load(run / "model_ckpt_steps_70.ckpt", weights_only=True)["vizeme"]["raw_state"]
    assert all(torch.equal(raw[name], value) for name, value in kept.items())
    checkpoint = torch.load(run / "model_ckpt_steps_70.ckpt", weights_only=True)
    del checkpoint["vizeme"]["raw_state"]
    torch.save(checkpoint, run / "model_ckpt_steps_70.ckpt")
    with pytest.raises(ConfigError, match="trained without ema_decay"):
        export_checkpoint.main(["persons/face_decoder", "--weights", "raw"])


def test_onnx_of_a_run(run, capsys):
    export_checkpoint.main(["persons/face_decoder", "--format", "onnx", "--out", "decoder.onnx"])
    assert "differs from torch by at most" in capsys.readouterr().out
    session = onnxruntime.InferenceSession("decoder.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_outputs()] == ["landmarks", "texture"]
    with pytest.raises(ConfigError, match="--weights raw is for safetensors"):
        export_checkpoint.main(["persons/face_decoder", "--format", "onnx", "--weights", "raw"])


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="its layer GRU"):
        GraphBuilder().layer(torch.nn.GRU(2, 2), "x")
