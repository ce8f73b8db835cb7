"""LPIPS is opened where its weights are here."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from modules.faces.lpips import Lpips
from tasks.weights.lpips import open_lpips


def test_lpips_is_opened_where_its_weights_are(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.weights.lpips.find_asset", lambda name: None)
    assert open_lpips() is None
    state = {name: value for name, value in Lpips().state_dict().items() if name.startswith("features.")}
    state |= {f"lin{i}.model.1.weight": torch.ones(1, c, 1, 1) for i, c in enumerate((64, 192, 384, 256, 256))}
    save_file(state, tmp_path / "lpips.safetensors")
    monkeypatch.setattr("tasks.weights.lpips.find_asset", lambda name: tmp_path / "lpips.safetensors")
    net = open_lpips()
    assert net is not None
    assert not any(parameter.requires_grad for parameter in net.parameters())
    picture = torch.rand(1, 3, 40, 40)
    assert float(net(picture, picture)) == 0
