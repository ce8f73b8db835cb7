"""Read and write ONNX files by the `onnx` package's protobuf, as plain graphs of arrays and names.

A file may come from a stranger: its size is bounded before it is parsed, and every tensor must have as many numbers as
its shape says before an array is made of them. Nothing in it is run, and no other file is opened for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto

Numbers = NDArray[Any]
LARGEST = 1 << 30
"""Bytes of a file; the largest recognisers have a quarter of it."""
_DTYPES: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
"""TensorProto.DataType -> type; the kinds of number that networks here are made of."""
_LISTS = {1: "float_data", 6: "int32_data", 7: "int64_data", 9: "int32_data", 10: "int32_data", 11: "double_data"}
_MOST_SIDES = 32
"""Dimensions of an array; the product of a million of them takes hours."""
_DAMAGED = "it is not an ONNX file, or it is damaged"


@dataclass(frozen=True)
class Node:
    """One operation: what it is called, what it reads and writes, and its settings."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A network: operations in order, constants by name, and the names of its inputs and outputs.

    `shapes` gives the shape of every input and output; a free dimension is a string.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, Numbers]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int | str, ...]]


def read_onnx(data: bytes) -> Graph:
    """Read the graph of an ONNX file.

    Raises:
        ValueError: It is not ONNX, is larger than `LARGEST`, keeps its weights in another file, holds a kind of number
            not read here, or a tensor with more or fewer numbers than its shape says.
    """
    import onnx  # nearly a second, and only who reads or writes a file needs it
    from google.protobuf.message import DecodeError

    if len(data) > LARGEST:
        raise ValueError(f"it has {len(data)} bytes; {LARGEST} are the most that are read")
    try:
        model = onnx.ModelProto.FromString(data)
        if not model.HasField("graph"):
            raise ValueError("it holds no graph")
        return _graph(model.graph)
    except (DecodeError, UnicodeDecodeError):
        raise ValueError(_DAMAGED) from None


def _graph(graph: GraphProto) -> Graph:
    constants = {_text(tensor.name): _tensor(tensor) for tensor in graph.initializer}
    return Graph(
        nodes=tuple(_node(node) for node in graph.node),
        constants=constants,
        inputs=tuple(_text(value.name) for value in graph.input if value.name not in constants),
        outputs=tuple(_text(value.name) for value in graph.output),
        shapes={_text(value.name): _shape(value) for value in (*graph.input, *graph.output)},
    )


def _text(value: str | bytes) -> str:
    """Return a text; protobuf hands one that is not UTF-8 on as bytes."""
    return value if isinstance(value, str) else value.decode()


def _node(node: NodeProto) -> Node:
    if not node.op_type:
        raise ValueError(_DAMAGED)
    attributes = {_text(attribute.name): _attribute(attribute) for attribute in node.attribute}
    inputs, outputs = (tuple(map(_text, names)) for names in (node.input, node.output))
    return Node(_text(node.op_type), inputs, outputs, attributes)


def _attribute(attribute: AttributeProto) -> Any:
    """Return the value of a setting; None for a kind that no network here has, such as a graph within the graph."""
    match attribute.type:
        case attribute.FLOAT:
            return attribute.f
        case attribute.INT:
            return attribute.i
        case attribute.STRING:
            return attribute.s.decode()
        case attribute.TENSOR:
            return _tensor(attribute.t)
        case attribute.FLOATS:
            return list(attribute.floats)
        case attribute.INTS:
            return list(attribute.ints)
    return None


def _tensor(tensor: TensorProto) -> Numbers:
    from onnx.numpy_helper import to_array

    name, code = _text(tensor.name), tensor.data_type
    if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
        raise ValueError(f"the weights {name} lie in another file; join them into one first")
    if code not in _DTYPES:
        raise ValueError(f"the numbers of {name} are of kind {code}, which is not read here")
    if len(tensor.dims) > _MOST_SIDES:
        raise ValueError(f"the weights {name[:100]} have {len(tensor.dims)} dimensions")
    raw = tensor.HasField("raw_data")
    held = len(tensor.raw_data) if raw else len(getattr(tensor, _LISTS[code]))
    wanted = math.prod(tensor.dims) * (np.dtype(_DTYPES[code]).itemsize if raw else 1)
    if any(size < 0 for size in tensor.dims) or held != wanted:
        raise ValueError(f"the weights {name} are not as many as their shape {tuple(tensor.dims)} says")
    return np.array(to_array(tensor))


def _shape(value: ValueInfoProto) -> tuple[int | str, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") else _text(size.dim_param) or "?" for size in sizes)


def write_onnx(graph: Graph, *, name: str = "network", opset: int | None = None) -> bytes:
    """Write a graph as an ONNX file (IR version 8) whose inputs and outputs are float32.

    Without `opset` it is 13, or 16 where GridSample, which came with it, is used.
    """
    import onnx
    from onnx import helper
    from onnx.numpy_helper import from_array

    if opset is None:
        opset = 16 if any(node.op == "GridSample" for node in graph.nodes) else 13
    nodes = []
    for node in graph.nodes:
        message = helper.make_node(node.op, node.inputs, node.outputs, name=node.outputs[0])
        message.attribute.extend(helper.make_attribute(key, value) for key, value in node.attributes.items())
        nodes.append(message)
    inputs, outputs = (
        [helper.make_tensor_value_info(key, onnx.TensorProto.FLOAT, graph.shapes[key]) for key in names]
        for names in (graph.inputs, graph.outputs)
    )
    constants = [from_array(array, key) for key, array in graph.constants.items()]
    model = onnx.ModelProto(
        ir_version=8,
        producer_name="vizeme",
        graph=helper.make_graph(nodes, name, inputs, outputs, constants),
        opset_import=[onnx.OperatorSetIdProto(version=opset)],
    )
    return model.SerializeToString()
