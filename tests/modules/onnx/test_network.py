"""What is written as ONNX is read again and runs alike in torch and onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from modules.onnx.format import Graph, read_onnx, write_onnx
from modules.onnx.network import OnnxNetwork, node
from modules.template_decoder import TemplateDecoder


def run(data, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]


def little_recogniser() -> bytes:
    """Make a network of a recogniser's operations: two resolutions, a sum, a template of 8."""
    rng = np.random.default_rng(0)

    def some(*shape):
        return rng.normal(0, 0.3, shape).astype(np.float32)

    constants = {
        "w0": some(4, 3, 3, 3), "b0": some(4), "slope": np.abs(some(4, 1, 1)), "w1": some(4, 1, 3, 3),
        "w2": some(6, 4, 3, 3), "fc": some(8, 6 * 4 * 4), "fcb": some(8), "gain": 1 + some(8), "bias": some(8),
        "mean": some(8), "var": 1 + np.abs(some(8)),
    }  # fmt: skip
    nodes = (
        node("Conv", ["in", "w0", "b0"], "a", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("PRelu", ["a", "slope"], "b"),
        node("Conv", ["b", "w1"], "c", pads=[1, 1, 1, 1], group=4),
        node("Add", ["b", "c"], "d"),
        node("Conv", ["d", "w2"], "e", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["e"], "f"),
        node("Flatten", ["f"], "g", axis=1),
        node("Gemm", ["g", "fc", "fcb"], "h", transB=1, alpha=0.5),
        node("BatchNormalization", ["h", "gain", "bias", "mean", "var"], "out", epsilon=1e-5),
    )
    shapes = {"in": ("batch", 3, 16, 16), "out": ("batch", 8)}
    return write_onnx(Graph(nodes, constants, ("in",), ("out",), shapes))


def test_torch_and_onnxruntime_agree_and_gradients_reach_the_input():
    data, x = little_recogniser(), torch.randn(5, 3, 16, 16)
    network = OnnxNetwork(read_onnx(data))
    np.testing.assert_allclose(network(x).numpy(), run(data, x), rtol=1e-4, atol=1e-5)
    x.requires_grad_()
    network(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert not list(network.parameters())


def test_stages_are_the_last_sums_of_each_resolution():
    maps, output = OnnxNetwork(read_onnx(little_recogniser())).stages(torch.randn(2, 3, 16, 16))
    assert [tuple(m.shape) for m in maps] == [(2, 4, 8, 8), (2, 6, 4, 4)]
    assert output.shape == (2, 8)


@pytest.mark.parametrize("kind", ["naive", "fr"])
def test_an_exported_decoder_makes_the_same_pictures(kind):
    decoder = TemplateDecoder(kind, 32).eval()
    data, x = write_onnx(decoder.onnx_graph()), torch.randn(3, 32)
    with torch.no_grad():
        np.testing.assert_allclose(run(data, x), decoder(x).numpy(), rtol=1e-4, atol=1e-5)


def test_a_real_recogniser(shared_assets):
    data = (shared_assets / "arcface_w600k_mbf.onnx").read_bytes()
    network, x = OnnxNetwork(read_onnx(data)), torch.rand(2, 3, 112, 112) * 2 - 1
    wanted = np.concatenate([run(data, x[i : i + 1]) for i in range(2)])
    assert np.abs(network(x).numpy() - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert [m.shape[-1] for m in network.stages(x)[0]] == [56, 28, 14, 7]


def test_what_is_unknown_is_named():
    graph = Graph((node("Conv", ["a", "b"], "c"), node("Fold", ["c"], "d")), {}, ("a",), ("d",), {"a": (1,), "d": (1,)})
    with pytest.raises(ValueError, match="the network has the operation\\(s\\) Fold"):
        OnnxNetwork(graph)
