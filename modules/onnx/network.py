"""An ONNX network as a torch module, so that gradients flow through a recogniser that exists only as a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from modules.layers.prelu import prelu
from modules.onnx.format import Graph, Node


class OnnxNetwork(nn.Module):
    """Run an ONNX graph of one input and one output with torch, in eval mode for good.

    Its constants are buffers: they move with the module and are never trained, while gradients reach the input.

    Args:
        graph: As `read_onnx` gives it.

    Raises:
        ValueError: The graph holds an operation that is not known here; all of them are named.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        unknown = sorted({node.op for node in graph.nodes} - set(OPERATIONS) - {"Constant"})
        if unknown or len(graph.inputs) != 1 or len(graph.outputs) != 1:
            what = f"the operation(s) {', '.join(unknown)}" if unknown else "not one input and one output"
            raise ValueError(f"the network has {what}")
        self.nodes = [node for node in graph.nodes if node.op != "Constant"]
        self.input, self.output = graph.inputs[0], graph.outputs[0]
        self.input_shape = graph.shapes[self.input]
        self._buffer_of: dict[str, str] = {}
        constants = dict(graph.constants)
        constants |= {node.outputs[0]: node.attributes["value"] for node in graph.nodes if node.op == "Constant"}
        for order, (name, array) in enumerate(constants.items()):
            self._buffer_of[name] = f"constant_{order}"
            self.register_buffer(f"constant_{order}", torch.from_numpy(array), persistent=False)
        self.stage_ends = self._find_stages()

    def forward(self, images: Float[Tensor, "B ..."]) -> Float[Tensor, "B D"]:
        """Return the network's output."""
        return self.run(images, ())[0]

    def stages(
        self, images: Float[Tensor, "B C H W"]
    ) -> tuple[list[Float[Tensor, "B _C _H _W"]], Float[Tensor, "B D"]]:
        """Return the last map of every resolution, finest first, and the output."""
        output, kept = self.run(images, self.stage_ends)
        return [kept[name] for name in self.stage_ends], output

    def run(self, images: Tensor, keep: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the output, and the values called `keep`; every other value is let go after its last use.

        Shapes:
            images: (B, 3, H, W) as the file wants them. returns: (B, D), and what the network has inside.
        """
        values: dict[str, Tensor] = {self.input: images}
        last = {name: order for order, node in enumerate(self.nodes) for name in node.inputs}
        for order, node in enumerate(self.nodes):
            inputs = [self._value(name, values) for name in node.inputs]
            values[node.outputs[0]] = OPERATIONS[node.op](node.attributes, *inputs)
            for name in set(node.inputs):
                if name in values and last[name] == order and name not in keep and name != self.output:
                    del values[name]
        return values[self.output], {name: values[name] for name in keep}

    def _value(self, name: str, values: dict[str, Tensor]) -> Tensor | None:
        if not name:
            return None
        return values[name] if name in values else getattr(self, self._buffer_of[name])

    def _find_stages(self) -> tuple[str, ...]:
        """Name the last sum of every resolution (the last map where a resolution has no sum), finest first."""
        shape = [2 if not isinstance(size, int) or size < 1 else size for size in self.input_shape]
        if len(shape) != 4:
            return ()
        shapes: dict[str, tuple[str, torch.Size]] = {}
        with torch.no_grad():
            values: dict[str, Tensor] = {self.input: torch.zeros(1, *shape[1:])}
            for node in self.nodes:
                inputs = [self._value(name, values) for name in node.inputs]
                output = OPERATIONS[node.op](node.attributes, *inputs)
                values[node.outputs[0]] = output
                shapes[node.outputs[0]] = (node.op, output.shape)
        ends: dict[int, tuple[bool, str]] = {}
        for name, (op, size) in shapes.items():
            if len(size) != 4 or size[-1] < 2 or size[-1] == shape[-1]:
                continue
            summed = op == "Add"
            if summed or not ends.get(size[-1], (False, ""))[0]:
                ends[size[-1]] = (summed, name)
        return tuple(name for _, name in ends.values())


def _pads(settings: dict[str, Any]) -> tuple[int, int]:
    """Return the padding of both axes; `auto_pad` and unequal sides are not known here."""
    pads = settings.get("pads", [0, 0, 0, 0])
    if settings.get("auto_pad", "NOTSET") not in ("NOTSET", "") or pads[:2] != pads[2:]:
        raise ValueError("padding that differs between the sides")
    return pads[0], pads[1]


def _conv(s: dict[str, Any], x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    stride, dilation = s.get("strides", [1, 1]), s.get("dilations", [1, 1])
    return F.conv2d(x, weight, bias, stride, _pads(s), dilation, s.get("group", 1))


def _conv_transpose(s: dict[str, Any], x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    more = s.get("output_padding", [0, 0])
    return F.conv_transpose2d(x, weight, bias, s.get("strides", [1, 1]), _pads(s), more, s.get("group", 1))


def _batch_norm(s: dict[str, Any], x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return F.batch_norm(x, mean, var, weight, bias, False, 0.0, s.get("epsilon", 1e-5))


def _prelu(s: dict[str, Any], x: Tensor, slope: Tensor) -> Tensor:
    return prelu(x, slope) if slope.numel() in (1, x.shape[1]) else torch.where(x >= 0, x, slope * x)


def _gemm(s: dict[str, Any], a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if s.get("transA", 0) else a
    b = b.T if s.get("transB", 0) else b
    product = s.get("alpha", 1.0) * (a @ b) if s.get("alpha", 1.0) != 1 else a @ b
    return product if c is None else product + s.get("beta", 1.0) * c


def _flatten(s: dict[str, Any], x: Tensor) -> Tensor:
    axis = s.get("axis", 1)
    return x.flatten(axis) if axis == 1 else x.reshape(int(torch.Size(x.shape[:axis]).numel()), -1)


def _reshape(s: dict[str, Any], x: Tensor, shape: Tensor) -> Tensor:
    sizes = [x.shape[order] if size == 0 else size for order, size in enumerate(shape.tolist())]
    if sizes and sizes[0] == 1 and -1 not in sizes:
        sizes[0] = -1  # exported for one picture; any number may come
    return x.reshape(sizes)


def _clip(s: dict[str, Any], x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x.clamp(low if low is not None else s.get("min"), high if high is not None else s.get("max"))


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "BatchNormalization": _batch_norm,
    "PRelu": _prelu,
    "Gemm": _gemm,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Clip": _clip,
    "MatMul": lambda s, a, b: a @ b,
    "Add": lambda s, a, b: a + b,
    "Sub": lambda s, a, b: a - b,
    "Mul": lambda s, a, b: a * b,
    "Div": lambda s, a, b: a / b,
    "Relu": lambda s, x: F.relu(x),
    "LeakyRelu": lambda s, x: F.leaky_relu(x, s.get("alpha", 0.01)),
    "Sigmoid": lambda s, x: torch.sigmoid(x),
    "Tanh": lambda s, x: torch.tanh(x),
    "Identity": lambda s, x: x,
    "Dropout": lambda s, x, *_: x,
    "GlobalAveragePool": lambda s, x: x.mean(dim=(2, 3), keepdim=True),
    "Concat": lambda s, *parts: torch.cat(parts, dim=s["axis"]),
    "Transpose": lambda s, x: x.permute(s["perm"]),
}
"""Operation -> what it does with its settings and inputs. Dropout is off: nothing here is trained."""


def node(op: str, inputs: list[str], output: str, **settings: Any) -> Node:
    """Return one operation with a single output."""
    return Node(op, tuple(inputs), (output,), settings)
