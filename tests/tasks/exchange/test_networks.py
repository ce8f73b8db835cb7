"""A published network is found by names, whatever stands before them, and checked against one of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tasks.exchange.networks import checked, holds, shapes_of
from tasks.exchange.source import Converted, Tally
from tasks.weights.names import beginning
from utils.errors import DataError


def test_what_stands_before_the_names_is_found():
    weights = {"module.body.weight": torch.zeros(1), "module.body.bias": torch.zeros(1)}
    assert beginning(weights, "body.weight", "body.bias") == "module."
    assert beginning({"body.weight": torch.zeros(1)}, "body.weight") == ""
    assert beginning(weights, "body.weight", "head.weight") is None
    assert beginning({"somebody.weight": torch.zeros(1)}, "body.weight") is None, "half a name is no name"
    assert holds("body.weight")(weights, "torch")
    assert not holds("head.weight")(weights, "torch")


def test_shapes_take_no_memory():
    assert shapes_of(lambda: nn.Linear(10**6, 10**6)) == {"model.weight": (10**6, 10**6), "model.bias": (10**6,)}


def test_memory_of_the_training_is_left_out_and_counts_of_old_torch_are_filled_in():
    tensors = {"weight": torch.ones(3), "optimizer.0.step": torch.zeros(1), "history.loss": torch.zeros(9)}
    tally = Tally(tensors)
    state = tally.move("weight", "model.weight")
    shapes = {"model.weight": (3,), "model.num_batches_tracked": ()}
    run = checked(Converted({"task_cls": "toy"}, state, shapes=shapes), tally, Path("x.pth"))
    assert run.state_dict["model.num_batches_tracked"] == 0
    assert run.names == {"model.weight": "weight"}
    assert set(run.left_out) == {"optimizer.0.step", "history.loss"}
    tally = Tally({**tensors, "odd": torch.zeros(1)})
    with pytest.raises(DataError, match=r"(?s)nothing was written.*1 not part of this network:\n    odd"):
        checked(Converted({"task_cls": "toy"}, tally.move("weight", "model.weight"), shapes=shapes), tally, Path("x"))
