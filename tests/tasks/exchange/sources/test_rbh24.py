"""rbh24's and wav2pix's files, through the importer, give the figures of the published networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from modules.faces.iresnet import IResNet
from modules.onnx.format import Node, write_onnx
from modules.onnx.network import node
from modules.speech_to_face.face_encoder import FaceResNet
from modules.template_decoder import TemplateDecoder
from modules.wav2pix import Discriminator, Generator
from tasks import export_checkpoint, import_checkpoint
from tasks.core.loading import load_task
from tasks.exchange.sources.rbh24 import COLOURS, NAMES
from tasks.template_to_face.config import TemplateDecoderConfig
from tasks.template_to_face.data import to_crops
from tests.modules.golden import assert_golden, filled, probe, ruled
from tests.tasks.exchange.foreign import converted, loaded, python2_file, shapes, stranger, without_counts
from utils.config.schema import parse
from utils.errors import DataError

GOLDEN = json.loads((Path(__file__).parents[3] / "modules/golden_pictures.json").read_text())


def as_published(pictures: torch.Tensor, kind: str) -> torch.Tensor:
    """Return pictures in [-1, 1] in the units that the published decoder gives them in."""
    mean, std = (torch.tensor(values)[:, None, None] for values in COLOURS[kind])
    return ((pictures + 1) / 2 - mean) / std


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize(("kind", "zipped"), [("naive", True), ("naive", False), ("large", True), ("fr", True)])
@torch.no_grad()
def test_a_decoder_that_was_pickled_whole(tmp_path, kind, zipped):
    name = "ConvFaceDecoderLarge" if kind == "large" else "ConvFaceDecoder"
    with stranger("neuralnet", name, TemplateDecoder) as Published:
        torch.save(filled(lambda: Published(kind)), tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    said, run = converted(tmp_path / "x.pth")
    assert said == "rbh24/decoder"
    assert run.recipe["network"] == kind
    cfg = parse(TemplateDecoderConfig, run.recipe, Path("imported"))
    assert cfg.perceptor == ("fr_published" if kind == "fr" else "vgg11")
    assert (cfg.weights.perceptual, cfg.weights.identity) == (11, 0)
    assert cfg.weights.laplace == pytest.approx(0 if kind == "fr" else 4896, rel=1e-3)
    assert run.extra["recogniser"]["name"] == "arcface_r50"
    made = loaded(lambda: TemplateDecoder(kind), run)(probe(2, 512))
    assert_golden(as_published(made, kind), GOLDEN[f"decoder_{kind}"])


def exported(network: TemplateDecoder, *, fused: bool = False) -> bytes:
    """Return ONNX as torch's exporter writes it: its names, a computed shape; `fused`: batch norms in convolutions."""
    graph = network.onnx_graph()
    names = {f"layer{order}": name for order, name in enumerate(NAMES)}

    def renamed(name: str) -> str:
        layer, _, kind = name.partition(".")
        named = f"{names[layer]}.{kind}" if layer in names else name
        return f"onnx::PRelu_{named}" if graph.constants.get(name, np.zeros(0)).shape == (1, 1, 1) else named

    constants = {renamed(name): value for name, value in graph.constants.items() if name != "shape"}
    nodes = [dataclasses.replace(n, inputs=tuple(map(renamed, n.inputs))) for n in graph.nodes[1:]]
    if fused:
        nodes = _fused(nodes, constants)
    first = graph.nodes[0].outputs[0]
    constants |= {"zero": np.array(0), "rest": np.array([-1]), "one": np.array([1])}
    shape = [
        node("Shape", ["input"], "size"), node("Gather", ["size", "zero"], "batch", axis=0),
        node("Unsqueeze", ["batch"], "many", axes=[0]),
        node("Concat", ["many", "rest", "one", "one"], "shape", axis=0), node("Reshape", ["input", "shape"], first),
    ]  # fmt: skip
    return write_onnx(dataclasses.replace(graph, nodes=(*shape, *nodes), constants=constants), opset=11)


def _fused(nodes: list[Node], constants: dict[str, np.ndarray]) -> list[Node]:
    kept: list[Node] = []
    for n in nodes:
        if n.op != "BatchNormalization":
            kept.append(dataclasses.replace(n, inputs=(kept[-1].outputs[0] if kept else n.inputs[0], *n.inputs[1:])))
            continue
        weight, bias, mean, var = (constants.pop(name) for name in n.inputs[1:])
        factor = weight / np.sqrt(var + 1e-5)
        w, b = kept[-1].inputs[1:]
        constants[w], constants[b] = constants[w] * factor[:, None, None], (constants[b] - mean) * factor + bias
    return kept


LARGE = pytest.param("large", False, marks=pytest.mark.slow)  # the same layers, and as a pickle it is tried above


@pytest.mark.parametrize(("kind", "fused"), [("naive", False), LARGE, ("fr", False), ("naive", True)])
@torch.no_grad()
def test_a_decoder_from_onnx(tmp_path, kind, fused):
    (tmp_path / "x.onnx").write_bytes(exported(filled(lambda: TemplateDecoder(kind)), fused=fused))
    session = onnxruntime.InferenceSession(str(tmp_path / "x.onnx"), providers=["CPUExecutionProvider"])
    assert_golden(torch.from_numpy(session.run(None, {"input": probe(2, 512).numpy()})[0]), GOLDEN[f"decoder_{kind}"])
    said, run = converted(tmp_path / "x.onnx")
    assert said == "rbh24/decoder_onnx"
    assert run.recipe["network"] == kind
    made = loaded(lambda: TemplateDecoder(kind), run)(probe(2, 512))
    assert_golden(as_published(made, kind), GOLDEN[f"decoder_{kind}"])


def test_an_onnx_file_that_only_looks_like_a_decoder_is_refused(tmp_path):
    network = TemplateDecoder("fr").eval()
    network.final_layer[3].padding = (1, 1)
    (tmp_path / "x.onnx").write_bytes(exported(network))
    with pytest.raises(DataError, match="computes something else"):
        converted(tmp_path / "x.onnx")
    graph = network.onnx_graph()
    (tmp_path / "x.onnx").write_bytes(write_onnx(dataclasses.replace(graph, nodes=(*graph.nodes, graph.nodes[1]))))
    with pytest.raises(DataError, match="goes on with a ConvTranspose after its last layer"):
        converted(tmp_path / "x.onnx")


def test_a_decoder_that_is_also_something_else_is_not_computed(tmp_path):
    graph = TemplateDecoder("fr").eval().onnx_graph()
    many = node("ConstantOfShape", ["shape"], "many")
    (tmp_path / "x.onnx").write_bytes(write_onnx(dataclasses.replace(graph, nodes=(*graph.nodes, many))))
    with pytest.raises(DataError, match=r"it has the operation\(s\) ConstantOfShape"):
        converted(tmp_path / "x.onnx")
    outputs = (*graph.outputs, graph.nodes[0].outputs[0])
    shapes_too = {**graph.shapes, outputs[1]: (1, 512, 1, 1)}
    (tmp_path / "x.onnx").write_bytes(write_onnx(dataclasses.replace(graph, outputs=outputs, shapes=shapes_too)))
    with pytest.raises(DataError, match="one input and one output"):
        converted(tmp_path / "x.onnx")


@torch.no_grad()
def test_the_iresnet_gives_its_templates_before_the_negative_half_is_cut(tmp_path):
    torch.save(filled(lambda: IResNet(50)).state_dict(), tmp_path / "backbone.pth")
    said, run = converted(tmp_path / "backbone.pth")
    assert said == "rbh24/iresnet50"
    network = loaded(lambda: FaceResNet(feature_dim=512), run, "model.backbone.")
    images = (probe(1, 3, 112, 112) + 1) / 2
    template = network.head(network.body(2 * images - 1))
    assert_golden(template, GOLDEN["iresnet50"][-1])
    assert torch.equal(network(images), template.relu())


@torch.no_grad()
def test_what_is_imported_is_used_and_handed_on_like_a_run_of_our_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save(filled(lambda: TemplateDecoder("fr")).state_dict(), "fr.pth")
    python2_file(Path("gen_200.pth"), without_counts(ruled(shapes(lambda: Generator(64)))))
    python2_file(Path("disc_200.pth"), ruled(shapes(lambda: Discriminator(64))))
    import_checkpoint.main(["fr.pth", "--exp_name", str(tmp_path / "fr")])
    import_checkpoint.main(["gen_200.pth", "--exp_name", str(tmp_path / "faces")])
    assert capsys.readouterr().out.split() == [str(tmp_path / "fr"), str(tmp_path / "faces")]

    decoder = load_task(tmp_path / "fr")
    assert decoder.recogniser.sha256.startswith("4c06341c")
    templates = torch.nn.functional.normalize(probe(2, 512), dim=1)
    wanted = filled(lambda: TemplateDecoder("fr"))(templates)  # FR's pictures are RGB in [-1, 1] as published
    np.testing.assert_allclose(
        decoder.reconstruct(templates.numpy()), to_crops(wanted).numpy(), atol=1, err_msg="rounding to bytes apart"
    )
    speaker = load_task(tmp_path / "faces")
    assert speaker.cfg.audio_normalisation == "integer"
    loud = (20_000 * np.sin(np.arange(16_000) / 9)).astype(np.int16)
    faces, scores = speaker.make(loud[None])
    assert faces.shape == (1, 64, 64, 3)
    assert scores.shape == (1, 10)

    export_checkpoint.main([str(tmp_path / "faces")])
    card = (tmp_path / "faces/export/wav2pix.md").read_text()
    assert "- source: wav2pix/generator" in card
    assert "| Licence | code: GPL-3.0" in card
    import_checkpoint.main([str(tmp_path / "faces/export/wav2pix.safetensors"), "--exp_name", str(tmp_path / "again")])
    again = load_task(tmp_path / "again").state_dict()
    assert all(torch.equal(again[name], value) for name, value in speaker.state_dict().items())
