"""Graphs come back from a file as they were written, and a stranger's file cannot fill the memory or hang."""

from __future__ import annotations

import resource
import time

import numpy as np
import onnx
import pytest

from modules.onnx import format as onnx_format
from modules.onnx.format import Graph, Node, read_onnx, write_onnx
from tests.modules.onnx.test_network import little_recogniser


def little_graph() -> Graph:
    constants = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "sizes": np.array([0, -1], np.int64)}
    nodes = (
        Node("Gemm", ("in", "w"), ("a",), {"transB": 1, "alpha": 0.5}),
        Node("Reshape", ("a", "sizes"), ("out",)),
        Node("Conv", ("out", "w"), ("unused",), {"pads": [1, 1, 1, 1], "auto_pad": "NOTSET"}),
    )
    return Graph(nodes, constants, ("in",), ("out",), {"in": ("batch", 3), "out": ("batch", 2)})


def test_a_graph_comes_back_as_it_was_written():
    graph = little_graph()
    again = read_onnx(write_onnx(graph))
    assert (again.nodes, again.inputs, again.outputs) == (graph.nodes, graph.inputs, graph.outputs)
    assert again.shapes == graph.shapes
    for name, array in graph.constants.items():
        np.testing.assert_array_equal(again.constants[name], array)
        assert again.constants[name].dtype == array.dtype


def test_what_is_written_is_sound_onnx():
    onnx.checker.check_model(onnx.load_from_string(little_recogniser()), full_check=True)


def test_a_file_that_is_not_onnx_is_refused():
    for data in (b"", b"not a network at all", little_recogniser()[:500]):
        with pytest.raises(ValueError, match=r"it (is not|holds no)"):
            read_onnx(data)


def test_a_number_where_a_text_belongs_takes_no_memory():
    """Twelve bytes, of which the last say 2^29 where the operation's name belongs."""
    data = bytes([0x08, 0x07, 0x3A, 0x08, 0x0A, 0x06, 0x20, 0x80, 0x80, 0x80, 0x80, 0x02])
    most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="it is not an ONNX file, or it is damaged"):
        read_onnx(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most_kb < 50_000


def test_an_endless_number_does_not_hang():
    begun = time.process_time()
    with pytest.raises(ValueError, match="it is not an ONNX file, or it is damaged"):
        read_onnx(b"\x08" + b"\xff" * 3_000_000 + b"\x01")
    assert time.process_time() - begun < 10  # byte by byte it would be hours


def changed(change) -> bytes:
    model = onnx.load_from_string(write_onnx(little_graph()))
    change(model.graph.initializer[0])
    return model.SerializeToString()


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 32, 1 << 32], [2, 2], [-2, -3], [2, 3, 0]])
def test_a_tensor_has_as_many_numbers_as_its_shape_says(dims):
    def claim(tensor):
        tensor.ClearField("dims")
        tensor.dims.extend(dims)

    with pytest.raises(ValueError, match="the weights w are not as many as their shape") as error:
        read_onnx(changed(claim))
    assert str(error.value) == f"the weights w are not as many as their shape {tuple(dims)} says"


def test_weights_in_another_file_are_refused_and_that_file_is_not_opened():
    def point(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    with pytest.raises(ValueError, match="the weights w lie in another file; join them into one first"):
        read_onnx(changed(point))


def test_another_kind_of_number_is_named():
    with pytest.raises(ValueError, match="the numbers of w are of kind 8, which is not read here"):
        read_onnx(changed(lambda tensor: setattr(tensor, "data_type", onnx.TensorProto.STRING)))


def test_numbers_that_are_listed_are_read_like_packed_ones():
    def listed(tensor):
        tensor.ClearField("raw_data")
        tensor.float_data.extend(range(6))

    np.testing.assert_array_equal(read_onnx(changed(listed)).constants["w"], little_graph().constants["w"])


def test_a_file_beyond_the_limit_is_not_parsed(monkeypatch):
    monkeypatch.setattr(onnx_format, "LARGEST", 100)
    with pytest.raises(ValueError, match="it has 101 bytes; 100 are the most that are read"):
        read_onnx(bytes(101))


def test_dimensions_without_end_are_refused_before_they_are_multiplied():
    def claim(tensor):
        tensor.dims[:] = [1 << 62] * 100_000

    with pytest.raises(ValueError, match="the weights w have 100000 dimensions"):
        read_onnx(changed(claim))
