"""Layers are written as the operations they are, and what cannot be written is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from modules.onnx.export import GraphBuilder, example
from modules.onnx.format import Graph
from modules.onnx.network import OnnxNetwork


def written(network: nn.Module) -> Graph:
    builder = GraphBuilder()
    return builder.graph({"x": ("batch", 3, 8, 8)}, {"y": (builder.layer(network, "x"), ("batch", 4))})


def test_layers_in_a_row_compute_the_same():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.LeakyReLU(0.1), nn.Dropout(), nn.Flatten(),
        nn.Linear(64, 4), nn.Sigmoid(),
    ).eval()  # fmt: skip
    graph = written(network)
    assert [node.op for node in graph.nodes] == [
        "Conv", "BatchNormalization", "LeakyRelu", "Flatten", "Gemm", "Sigmoid", "Identity",
    ]  # fmt: skip
    x = example(graph)["x"]
    assert x.shape == (2, 3, 8, 8)
    with torch.no_grad():
        np.testing.assert_allclose(OnnxNetwork(graph)(x), network(x), atol=1e-5)


def test_a_layer_that_cannot_be_written_is_named():
    with pytest.raises(ValueError, match="its layer LSTM"):
        written(nn.LSTM(3, 4))
