"""A checkpoint goes out as safetensors with a card, comes back the same, and into ONNX where that can be."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from modules.faces.vgg_face import VggFace
from modules.onnx.export import GraphBuilder, example
from modules.onnx.format import write_onnx
from modules.speech_to_face.face_decoder import FaceDecoder
from modules.speech_to_face.face_encoder import FaceResNet
from modules.speech_to_face.ve_conv import VoiceEncoder
from modules.wav2pix import Generator
from tasks import export_checkpoint, import_checkpoint
from tasks.core.loading import load_task
from tasks.exchange.onnx_files import write_onnx_file
from tasks.registry import task_class
from tests.tasks.exchange import geneface_files
from utils.errors import ConfigError, DataError
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


def test_there_and_back_gives_the_same_bytes(run, capsys):
    export_checkpoint.main(["persons/face_decoder"])
    file = run / "export/face_decoder.safetensors"
    assert capsys.readouterr().out.split() == [
        f"checkpoints/persons/face_decoder/export/face_decoder.{suffix}" for suffix in ("safetensors", "md")
    ]
    import_checkpoint.main([str(file), "--exp_name", "shared/decoder"])
    first = torch.load(run / "model_ckpt_steps_70.ckpt", weights_only=True)["state_dict"]
    again = run.parents[1] / "shared/decoder/model_ckpt_steps_70.ckpt"
    second = torch.load(again, weights_only=True)
    assert set(second["state_dict"]) == set(first)
    for name, value in first.items():
        assert second["state_dict"][name].numpy().tobytes() == value.contiguous().numpy().tobytes()
        assert second["state_dict"][name].dtype == value.dtype
    assert second["vizeme"]["data_fingerprint"] == "f" * 64
    task = load_task("shared/decoder")
    assert task.updates == 70
    assert task.cfg.size == 32
    export_checkpoint.main(["shared/decoder"])
    twice = load_file(run.parents[1] / "shared/decoder/export/face_decoder.safetensors")
    assert all(torch.equal(twice[name], value) for name, value in load_file(file).items())


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


def test_a_changed_export_is_refused(run):
    export_checkpoint.main(["persons/face_decoder"])
    file = run / "export/face_decoder.safetensors"
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    state = load_file(file)
    state.pop("model.pre_layers.0.0.bias")
    save_file(state, file, metadata)
    with pytest.raises(DataError, match=r"(?s)nothing was written.*model.pre_layers.0.0.bias"):
        import_checkpoint.main([str(file), "--exp_name", "shared/decoder"])
    save_file(state, file, {"vizeme": "{}"})
    with pytest.raises(DataError, match="its description is damaged"):
        import_checkpoint.main([str(file), "--exp_name", "shared/decoder"])


def test_onnx_of_a_run(run, capsys):
    export_checkpoint.main(["persons/face_decoder", "--format", "onnx", "--out", "decoder.onnx"])
    assert "differs from torch by at most" in capsys.readouterr().out
    session = onnxruntime.InferenceSession("decoder.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_outputs()] == ["landmarks", "texture"]
    with pytest.raises(ConfigError, match="--weights raw is for safetensors"):
        export_checkpoint.main(["persons/face_decoder", "--format", "onnx", "--weights", "raw"])


def test_a_network_that_is_no_row_of_layers_is_refused_for_onnx(tmp_path):
    kind = task_class("ve_ast")
    task = kind(kind.schema.model_validate({
        "task_cls": "ve_ast", "hidden": 16, "layers": 1, "heads": 2, "rows": 64, "feature_dim": 4,
    }))  # fmt: skip
    with pytest.raises(ConfigError, match="ve_ast does not go into ONNX here"):
        write_onnx_file(task, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


NETWORKS = {
    "vgg_face": lambda: VggFace(5, feature_dim=6, size=64, width=0.05, inputs="bgr_mean"),
    "vgg16": lambda: VggFace(5, feature_dim=6, size=64, width=0.05, batch_norm=True),
    "iresnet50": lambda: FaceResNet(feature_dim=6, size=32, width=0.05),
    "face_decoder": lambda: FaceDecoder(6, size=32, width=0.02),
    "ve_conv": lambda: VoiceEncoder(width=0.03, feature_dim=5),
    "generator_64": lambda: Generator(64, 3, 4096),
    "generator_128": lambda: Generator(128, 3, 4096),
}


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_onnx_computes_what_torch_computes(name):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    for key, parameter in network.named_parameters():
        if key.endswith("bias"):
            parameter.uniform_(0, 0.2)
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.5, 2)
    graph = network.eval().onnx_graph()
    session = onnxruntime.InferenceSession(write_onnx(graph), providers=["CPUExecutionProvider"])
    given = example(graph)
    found = session.run(None, {key: value.numpy() for key, value in given.items()})
    said = network(*given.values())
    wanted = [said] if len(graph.outputs) == 1 else [getattr(said, key) for key in graph.outputs]
    for ours, theirs in zip(wanted, found, strict=True):
        near = 1e-4 * float(ours.abs().max())
        assert near > 0
        torch.testing.assert_close(torch.from_numpy(theirs), ours, atol=near, rtol=0)


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="its layer GRU"):
        GraphBuilder().layer(torch.nn.GRU(2, 2), "x")
