"""Read and write ONNX files without the `onnx` package: the few protobuf messages that networks here are made of.

A file is a tree of (field number, wire type, value); the numbers are those of onnx.proto3, IR version 3 and later.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_DTYPES: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
_CODES = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


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
    constants: dict[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int | str, ...]]


def read_onnx(data: bytes) -> Graph:
    """Read the graph of an ONNX file.

    Raises:
        ValueError: It is not ONNX, keeps its weights in another file, or holds a kind of number not read here.
    """
    try:
        graphs = [value for number, _, value in _fields(data) if number == 7]
        if len(graphs) != 1:
            raise ValueError("it holds no graph")
        return _graph(graphs[0])
    except (IndexError, struct.error, UnicodeDecodeError, TypeError):
        raise ValueError("it is not an ONNX file, or it is damaged") from None


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield (number, wire type, value) of one message."""
    view, at = memoryview(data), 0
    while at < len(view):
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        value: Any
        if kind == _VARINT:
            value, at = _varint(view, at)
        elif kind == _BYTES:
            length, at = _varint(view, at)
            if at + length > len(view):
                raise IndexError("it ends early")
            value, at = view[at : at + length], at + length
        elif kind == _FIXED32:
            value, at = view[at : at + 4], at + 4
        elif kind == _FIXED64:
            value, at = view[at : at + 8], at + 8
        else:
            raise IndexError(f"wire type {kind}")
        yield number, kind, value


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _integers(kind: int, value: Any) -> list[int]:
    """Return the integers of one field, packed or alone."""
    if kind == _VARINT:
        return [_signed(value)]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(_signed(number))
    return found


def _text(value: Any) -> str:
    return bytes(value).decode()


def _graph(data: memoryview) -> Graph:
    nodes: list[Node] = []
    constants: dict[str, Array] = {}
    values: dict[int, list[tuple[str, tuple[int | str, ...]]]] = {11: [], 12: []}
    for number, _, value in _fields(data):
        if number == 1:
            nodes.append(_node(value))
        elif number == 5:
            name, array = _tensor(value)
            constants[name] = array
        elif number in values:
            values[number].append(_value_info(value))
    return Graph(
        nodes=tuple(nodes),
        constants=constants,
        inputs=tuple(name for name, _ in values[11] if name not in constants),
        outputs=tuple(name for name, _ in values[12]),
        shapes=dict(values[11] + values[12]),
    )


def _node(data: memoryview) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    op, attributes = "", {}
    for number, _, value in _fields(data):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            op = _text(value)
        elif number == 5:
            name, setting = _attribute(value)
            attributes[name] = setting
    return Node(op, tuple(inputs), tuple(outputs), attributes)


def _attribute(data: memoryview) -> tuple[str, Any]:
    name, kind = "", 0
    single: dict[int, Any] = {}
    floats: list[float] = []
    integers: list[int] = []
    for number, wire, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 20:
            kind = value
        elif number == 2:
            single[1] = struct.unpack("<f", value)[0]
        elif number == 3:
            single[2] = _signed(value)
        elif number == 4:
            single[3] = _text(value)
        elif number == 5:
            single[4] = _tensor(value)[1]
        elif number == 7:
            floats += np.frombuffer(value, "<f4").tolist()
        elif number == 8:
            integers += _integers(wire, value)
    if kind == 6:
        return name, floats
    if kind == 7:
        return name, integers
    return name, single.get(kind, {1: 0.0, 2: 0, 3: ""}.get(kind))


def _tensor(data: memoryview) -> tuple[str, Array]:
    sizes: list[int] = []
    name, code, raw = "", 1, None
    listed: list[Any] = []
    for number, wire, value in _fields(data):
        if number == 1:
            sizes += _integers(wire, value)
        elif number == 2:
            code = value
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = value
        elif number == 4:
            listed += np.frombuffer(value, "<f4").tolist()
        elif number in (5, 7):
            listed += _integers(wire, value)
        elif number == 14 and value == 1:
            raise ValueError(f"the weights {name} lie in another file; join them into one first")
    if code not in _DTYPES:
        raise ValueError(f"the numbers of {name} are of kind {code}, which is not read here")
    dtype = np.dtype(_DTYPES[code])
    array = np.frombuffer(raw, dtype) if raw is not None else np.array(listed, dtype)
    return name, array.reshape(sizes).copy()


def _value_info(data: memoryview) -> tuple[str, tuple[int | str, ...]]:
    name, shape = "", []
    for number, _, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            tensors = [v for n, _, v in _fields(value) if n == 1]
            shapes = [v for tensor in tensors for n, _, v in _fields(tensor) if n == 2]
            for dimension in (v for s in shapes for n, _, v in _fields(s) if n == 1):
                parts = {n: v for n, _, v in _fields(dimension)}
                shape.append(_signed(parts[1]) if 1 in parts else _text(parts.get(2, b"?")))
    return name, tuple(shape)


def write_onnx(graph: Graph, *, name: str = "network", opset: int = 13) -> bytes:
    """Write a graph as an ONNX file (IR version 8) whose inputs and outputs are float32."""
    body = b"".join(_message(1, _node_bytes(node)) for node in graph.nodes)
    body += _string(2, name)
    body += b"".join(_message(5, _tensor_bytes(key, array)) for key, array in graph.constants.items())
    for number, names in ((11, graph.inputs), (12, graph.outputs)):
        body += b"".join(_message(number, _value_bytes(key, graph.shapes[key])) for key in names)
    return _number(1, 8) + _string(2, "vizeme") + _message(7, body) + _message(8, _number(2, opset))


def _encode(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(number: int, value: int) -> bytes:
    return _encode(number << 3) + _encode(value)


def _message(number: int, body: bytes) -> bytes:
    return _encode(number << 3 | _BYTES) + _encode(len(body)) + body


def _string(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _node_bytes(node: Node) -> bytes:
    out = b"".join(_string(1, name) for name in node.inputs) + b"".join(_string(2, name) for name in node.outputs)
    out += _string(3, node.outputs[0]) + _string(4, node.op)
    return out + b"".join(_message(5, _attribute_bytes(key, value)) for key, value in node.attributes.items())


def _attribute_bytes(name: str, value: float | int | Sequence[int]) -> bytes:
    out = _string(1, name)
    if isinstance(value, float):
        return out + _encode(2 << 3 | _FIXED32) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return out + _number(3, value) + _number(20, 2)
    return out + b"".join(_number(8, int(item)) for item in value) + _number(20, 7)


def _tensor_bytes(name: str, array: Array) -> bytes:
    out = b"".join(_number(1, size) for size in array.shape) + _number(2, _CODES[array.dtype])
    return out + _string(8, name) + _message(9, np.ascontiguousarray(array).tobytes())


def _value_bytes(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(_message(1, _number(1, s) if isinstance(s, int) else _string(2, s)) for s in shape)
    return _string(1, name) + _message(2, _message(1, _number(1, 1) + _message(2, sizes)))
