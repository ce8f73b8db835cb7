"""A stranger's graph is computed with little memory and little time."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tasks.weights.onnx_run import run_once


def write(path, nodes, constants=()) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def test_a_graph_is_computed(tmp_path):
    write(tmp_path / "x.onnx", [helper.make_node("Neg", ["x"], ["y"])])
    np.testing.assert_array_equal(run_once(tmp_path / "x.onnx", np.float32([1, 2]), 2), [-1, -2])


def test_much_of_little_is_refused(tmp_path):
    sides = helper.make_tensor("sides", TensorProto.INT64, [1], [1 << 40])
    write(tmp_path / "x.onnx", [helper.make_node("Expand", ["x", "sides"], ["y"])], [sides])
    with pytest.raises(ValueError, match="it takes too much memory"):
        run_once(tmp_path / "x.onnx", np.float32([1]), 2)
    write(tmp_path / "x.onnx", [helper.make_node("Neg", ["x"], ["y"])])
    with pytest.raises(ValueError, match="something else: 3 numbers"):
        run_once(tmp_path / "x.onnx", np.float32([1, 2, 3]), 2)
