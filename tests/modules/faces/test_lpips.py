"""LPIPS is nothing for equal pictures and grows with what is changed."""

from __future__ import annotations


def test_lpips_with_its_weights(shared_assets):
    import torch
    from safetensors.torch import load_file

    from modules.faces.lpips import make_lpips

    net = make_lpips(load_file(shared_assets / "lpips_alexnet.safetensors"))
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 64)
    assert float(net(picture, picture)) == 0.0
    near, far = net(picture, (picture + 0.02).clamp(0, 1)), net(picture, torch.rand(1, 3, 64, 64))
    assert 0 < float(near) < float(far)
