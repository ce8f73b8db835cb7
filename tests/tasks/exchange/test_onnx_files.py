"""What goes into ONNX computes what torch computes."""

from __future__ import annotations

import onnxruntime
import pytest
import torch

from modules.faces.vgg_face import VggFace
from modules.onnx.export import example
from modules.onnx.format import write_onnx
from modules.speech_to_face.face_decoder import FaceDecoder
from modules.speech_to_face.face_encoder import FaceResNet
from modules.speech_to_face.face_space import SpaceDecoder
from modules.speech_to_face.ve_conv import VoiceEncoder
from modules.wav2pix import Generator
from tasks.exchange.onnx_files import write_onnx_file
from tasks.registry import task_class
from utils.errors import ConfigError


def test_a_network_that_is_no_row_of_layers_is_refused_for_onnx(tmp_path):
    kind = task_class("ve_ast")
    task = kind(kind.schema.model_validate({
        "task_cls": "ve_ast", "hidden": 16, "layers": 1, "heads": 2, "rows": 64, "feature_dim": 4,
    }))  # fmt: skip
    with pytest.raises(ConfigError, match="ve_ast does not go into ONNX here"):
        write_onnx_file(task, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_a_face_space_is_refused(tmp_path):
    task = task_class("face_encoder")(task_class("face_encoder").schema(
        task_cls="face_encoder", network="face_space", feature_dim=4, classes=3,
    ))  # fmt: skip
    with pytest.raises(ConfigError, match="a face space does not go into ONNX: it warps by landmarks"):
        write_onnx_file(task, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


NETWORKS = {
    "vgg_face": lambda: VggFace(5, feature_dim=6, size=64, width=0.05, inputs="bgr_mean"),
    "vgg16": lambda: VggFace(5, feature_dim=6, size=64, width=0.05, batch_norm=True),
    "iresnet50": lambda: FaceResNet(feature_dim=6, size=32, width=0.05),
    "face_decoder": lambda: FaceDecoder(6, size=32, width=0.02),
    "face_space_decoder": lambda: SpaceDecoder(6, size=16),
    "ve_conv": lambda: VoiceEncoder(width=0.03, feature_dim=5),
    "generator_64": lambda: Generator(64, 3, 4096),
    "generator_128": lambda: Generator(128, 3, 4096),
    "generator_posed": lambda: Generator(64, 3, 4096, width=0.1, norm="group", pose_dim=3),
}


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_onnx_computes_what_torch_computes(name):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    for key, parameter in network.named_parameters():
        if key.endswith("bias"):
            parameter.uniform_(0, 0.2)
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.5, 2)
    graph = network.eval().onnx_graph()
    session = onnxruntime.InferenceSession(write_onnx(graph), providers=["CPUExecutionProvider"])
    given = example(graph)
    found = session.run(None, {key: value.numpy() for key, value in given.items()})
    said = network(*given.values())
    wanted = [said] if len(graph.outputs) == 1 else [getattr(said, key) for key in graph.outputs]
    for ours, theirs in zip(wanted, found, strict=True):
        near = 1e-4 * float(ours.abs().max())
        assert near > 0
        torch.testing.assert_close(torch.from_numpy(theirs), ours, atol=near, rtol=0)
