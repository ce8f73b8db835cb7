"""What was exported comes back the same, or not at all."""

from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tasks import export_checkpoint, import_checkpoint
from tasks.core.loading import load_task
from utils.errors import DataError


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
