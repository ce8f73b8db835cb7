"""A checkpoint goes out as safetensors with a card, comes back the same, and into ONNX where that can be."""

from __future__ import annotations

import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from modules.onnx.export import GraphBuilder
from tasks import export_checkpoint, import_checkpoint
from tasks.core.loading import load_task
from tests.tasks.exchange import geneface_files
from utils.errors import ConfigError


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
