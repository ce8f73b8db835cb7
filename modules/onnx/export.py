"""Write networks as ONNX graphs, layer by layer.

A network with a method `onnx(builder, x)` says itself what it computes; layers of torch are known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modules.onnx.format import Graph, Node

Shape = tuple[int | str, ...]


class GraphBuilder:
    """Collect operations and constants; a value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self._layers = 0

    def add(self, op: str, inputs: list[str], **settings: Any) -> str:
        """Add an operation and return the name of what it gives."""
        out = f"x{len(self.nodes) + 1}"
        self.nodes.append(Node(op, tuple(inputs), (out,), settings))
        return out

    def constant(self, value: Any, name: str = "", dtype: Any = np.float32) -> str:
        """Add a constant and return its name."""
        name = name or f"constant{len(self.constants)}"
        self.constants[name] = np.array(value, dtype)
        return name

    def weights(self, values: Mapping[str, Tensor]) -> list[str]:
        """Add the weights of one layer, of any shape, and return their names in the graph."""
        prefix, self._layers = f"layer{self._layers}", self._layers + 1
        return [self.constant(value.detach().cpu().numpy(), f"{prefix}.{key}") for key, value in values.items()]

    def layer(self, layer: nn.Module, x: str) -> str:
        """Add a layer that reads `x`, and return the name of what it gives.

        Raises:
            ValueError: It is not known how such a layer is written.
        """
        own: Callable[[GraphBuilder, str], str] | None = getattr(layer, "onnx", None)
        if own is not None:
            return own(self, x)
        if isinstance(layer, nn.Sequential):
            for part in layer:
                x = self.layer(part, x)
            return x
        if isinstance(layer, nn.Identity | nn.Dropout):
            return x
        kind = next((kind for kind in type(layer).__mro__ if kind in _SIMPLE or kind in _WEIGHTED), None)
        if kind in _SIMPLE:
            op, settings = _SIMPLE[kind]
            return self.add(op, [x], **settings(layer))
        if kind in _WEIGHTED:
            op, settings = _WEIGHTED[kind]
            held = {k: v for k, v in layer.state_dict().items() if not k.endswith("num_batches_tracked")}
            if isinstance(layer, nn.PReLU):
                held = {"weight": held["weight"].reshape(-1, 1, 1)}
            return self.add(op, [x, *self.weights(held)], **settings(layer))
        if isinstance(layer, nn.Unflatten):
            sizes = self.constant([0, *layer.unflattened_size], dtype=np.int64)
            return self.add("Reshape", [x, sizes])
        if isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size == (None, 1):
            return self.add("ReduceMean", [x], axes=[3], keepdims=1)
        raise ValueError(f"its layer {type(layer).__name__}")

    def graph(self, inputs: dict[str, Shape], outputs: dict[str, tuple[str, Shape]]) -> Graph:
        """Return the graph.

        Args:
            inputs: Name -> shape; a free dimension is a text.
            outputs: Name -> (the value's name within, shape).
        """
        for name, (value, _) in outputs.items():
            self.nodes.append(Node("Identity", (value,), (name,)))
        shapes = {**inputs, **{name: shape for name, (_, shape) in outputs.items()}}
        return Graph(tuple(self.nodes), self.constants, tuple(inputs), tuple(outputs), shapes)


def convolution(layer: nn.Module) -> dict[str, Any]:
    """Return the settings of a convolution, transposed or not."""
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d)
    assert isinstance(layer.padding, tuple)
    pads = [int(p) for p in layer.padding]
    settings = {"kernel_shape": list(layer.kernel_size), "strides": list(layer.stride), "pads": pads + pads}
    if isinstance(layer, nn.ConvTranspose2d):
        settings["output_padding"] = list(layer.output_padding)
    return settings


def _pool(layer: nn.Module) -> dict[str, Any]:
    assert isinstance(layer, nn.MaxPool2d)
    kernel = layer.kernel_size if isinstance(layer.kernel_size, tuple) else (layer.kernel_size,) * 2
    stride = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2
    return {"kernel_shape": list(kernel), "strides": list(stride)}


def _nothing(layer: nn.Module) -> dict[str, Any]:
    return {}


def _epsilon(layer: Any) -> dict[str, Any]:
    return {"epsilon": float(layer.eps)}


_Settings = Callable[[nn.Module], dict[str, Any]]
_SIMPLE: dict[type[nn.Module], tuple[str, _Settings]] = {
    nn.ReLU: ("Relu", _nothing), nn.Sigmoid: ("Sigmoid", _nothing), nn.Tanh: ("Tanh", _nothing),
    nn.LeakyReLU: ("LeakyRelu", lambda layer: {"alpha": float(layer.negative_slope)}),  # type: ignore[arg-type]
    nn.MaxPool2d: ("MaxPool", _pool), nn.Flatten: ("Flatten", _nothing),
}  # fmt: skip
_WEIGHTED: dict[type[nn.Module], tuple[str, _Settings]] = {
    nn.Linear: ("Gemm", lambda layer: {"transB": 1}), nn.Conv1d: ("Conv", convolution),
    nn.Conv2d: ("Conv", convolution), nn.ConvTranspose2d: ("ConvTranspose", convolution),
    nn.BatchNorm1d: ("BatchNormalization", _epsilon), nn.BatchNorm2d: ("BatchNormalization", _epsilon),
    nn.PReLU: ("PRelu", _nothing),
}  # fmt: skip


def example(graph: Graph) -> dict[str, Tensor]:
    """Return random input of shape `graph.shapes`, from -1 to 1, the same every time; a batch is 2, a sequence 301."""
    dice = torch.Generator().manual_seed(0)
    sizes = {"batch": 2, "frames": 301}
    return {
        name: 2 * torch.rand([sizes[s] if isinstance(s, str) else s for s in graph.shapes[name]], generator=dice) - 1
        for name in graph.inputs
    }
