"""The transformer hears filter banks, learns only what it may, and takes weights in transformers' layout."""

from __future__ import annotations

import pytest
import torch

from modules.speech_to_face.ve_ast import VoiceTransformer


def small(**changes) -> VoiceTransformer:
    return VoiceTransformer(**{"feature_dim": 8, "hidden": 16, "layers": 3, "heads": 2, "rows": 64, **changes})


def learning(model: VoiceTransformer) -> set[str]:
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    return {".".join(name.split(".")[:3]) if "layers" in name else name.split(".")[0] for name in names}


def test_features():
    feature = small().eval()(torch.randn(2, 64, 128))
    assert feature.shape == (2, 8)
    assert feature.min() >= 0


def test_phases():
    model = small()
    model.train_only(0)
    assert learning(model) == {"head"}
    model.train_only(1)
    assert learning(model) == {"head", "transformer", "transformer.layers.2"}
    names = {name for name, p in model.named_parameters() if p.requires_grad and "layers" not in name}
    assert "transformer.embeddings.cls_token" not in names
    model.train_only(None)
    assert all(p.requires_grad for p in model.parameters())


def test_the_published_size():
    with torch.device("meta"):
        model = VoiceTransformer()
    assert sum(p.numel() for p in model.parameters()) == 89_338_624
    assert len(model.blocks()) == 12


def test_pretrained_weights(tmp_path):
    first, second = small(), small()
    first.transformer.save_pretrained(tmp_path)
    second.load_pretrained(tmp_path)
    for a, b in zip(first.transformer.parameters(), second.transformer.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ValueError, match="size mismatch"):
        small(rows=96).load_pretrained(tmp_path)
    with pytest.raises(OSError):
        second.load_pretrained(tmp_path / "nowhere")
