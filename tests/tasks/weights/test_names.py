"""A network is found whatever stands before its names, and never by half of them."""

from __future__ import annotations

import torch

from tasks.weights.names import beginning


def test_what_stands_before_the_names_is_found():
    tensors = {name: torch.zeros(1) for name in ("other", "model.a.weight", "model.b", "xa.weight")}
    assert beginning(tensors, "a.weight", "b") == "model."
    assert beginning(tensors, "a.weight", "c") is None
    assert beginning({"a.weight": torch.zeros(1)}, "a.weight") == ""
