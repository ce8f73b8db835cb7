"""A recogniser takes crops, gives templates, and is known by its content."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.made_faces import draw_face, make_recogniser
from utils.errors import ConfigError, DataError
from utils.faces.recogniser import RecogniserId, open_recogniser, units
from utils.files.digests import sha256


def test_a_file_is_opened_and_known_by_its_content(tmp_path):
    path = make_recogniser(tmp_path / "little.onnx", width=16)
    recogniser = open_recogniser(str(path))
    assert (recogniser.id.sha256, recogniser.id.width) == (sha256(path), 16)
    crops = np.stack([draw_face(0, 0), draw_face(1, 0), draw_face(0, 0)])
    templates = recogniser.templates(crops)
    assert templates.shape == (3, 16)
    np.testing.assert_allclose(templates[0], templates[2], rtol=1e-5)
    assert not np.allclose(templates[0], templates[1])


def test_what_is_no_network_is_refused(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"not a network")
    with pytest.raises(DataError, match=r"no\.onnx is not an ONNX network that can be read"):
        open_recogniser(str(tmp_path / "no.onnx"))


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(ConfigError, match="arcface_mbf"):
        open_recogniser("arcface_mbff")


def test_the_content_counts_and_not_the_name():
    one, two = (RecogniserId(name=name, sha256=digest * 64, width=4) for name, digest in (("a", "1"), ("b", "1")))
    one.refuse_other(two, "This decoder", "x.npy")
    with pytest.raises(ConfigError, match=r"This decoder is for templates of a .*x\.npy has those of a"):
        one.refuse_other(RecogniserId(name="a", sha256="2" * 64, width=4), "This decoder", "x.npy")


def test_units_have_length_one():
    np.testing.assert_allclose(units(np.array([[3.0, 4.0]], np.float32)), [[0.6, 0.8]])


def test_a_graph_with_a_loop_is_not_run(tmp_path):
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    body = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "body", [], [value])
    graph = helper.make_graph(
        [helper.make_node("If", ["yes"], ["y"], then_branch=body, else_branch=body)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 112, 112])], [value],
        [helper.make_tensor("yes", TensorProto.BOOL, [], [True])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"holds a program \(If\)"):
        open_recogniser(str(tmp_path / "x.onnx"))
