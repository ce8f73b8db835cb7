"""rbh24: the three template decoders, from whole pickled networks, state dicts or ONNX, and the IResNet-50."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modules.faces.iresnet import STAGES, depth_of
from modules.onnx.format import Graph, Node
from modules.speech_to_face.face_encoder import FaceResNet
from modules.template_decoder import CHANNELS, TemplateDecoder
from tasks.exchange.networks import checked, holds, shapes_of
from tasks.exchange.source import Converted, Source, Tally
from tasks.template_to_face.perceptors import IMAGENET
from tasks.weights.names import beginning
from tasks.weights.onnx_run import run_once
from utils.asset_table import ASSETS
from utils.errors import DataError

DECODER = ("decoder.0.block.0.weight", "final_layer.3.weight")
IRESNET = ("layer1.0.prelu.weight", "features.running_var")
RECOGNISER = "arcface_r50"
"""What made the templates that the published decoders read: InsightFace's buffalo_l."""
COLOURS = {"naive": IMAGENET, "large": IMAGENET, "fr": ((0.5,) * 3, (0.5,) * 3)}
"""Mean and spread that the published pictures are off by, RGB."""
LAYERS = ("ConvTranspose", "BatchNormalization", "PRelu") * 7 + ("Conv",)
"""The operations with weights of a decoder, in order."""
BETWEEN = (
    "Add", "Cast", "Concat", "Constant", "Div", "Flatten", "Gather", "Identity", "Mul", "Relu", "Reshape", "Shape",
    "Sigmoid", "Slice", "Squeeze", "Sub", "Tanh", "Unsqueeze",
)  # fmt: skip
"""What exporters put between the layers; nothing that loops, or makes much of little."""
KINDS = {"BatchNormalization": ("weight", "bias", "running_mean", "running_var"), "PRelu": ("weight",)}
"""The weights of an operation, in the order of its inputs; any other has a weight and a bias."""
NAMES = [*(f"decoder.{block}.block.{place}" for block in range(6) for place in range(3))]


NAMES += [f"final_layer.{place}" for place in range(4)]
"""What the layers of `LAYERS` are called."""


def decoder(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert a decoder from a state dict or a whole network; its size says which of the three it is."""
    tally = Tally(tensors)
    state = tally.move(beginning(tensors, *DECODER) or "", "model.")
    return _decoder_run(state, tally, path)


def decoder_onnx(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert a decoder from ONNX, by its layers in order, and compare it with what the file itself computes."""
    graph: Graph = extras["graph"]
    if strange := sorted({node.op for node in graph.nodes} - {*LAYERS, *BETWEEN}):
        raise DataError(f"{path} is no template decoder: it has the operation(s) {', '.join(strange)[:200]}.")
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise DataError(f"{path} is no template decoder: that has one input and one output.")
    tally = Tally(tensors)
    state = {f"model.{name}": value for name, value in _layers(graph, tally, path)}
    tally.leave("", "a constant of the graph, not a weight")
    return _decoder_run(state, tally, path, file=path)


def _kind(state: Mapping[str, Tensor]) -> str:
    """Return which decoder has most of these shapes."""

    def fitting(kind: str) -> int:
        return sum(
            name in state and tuple(state[name].shape) == shape for name, shape in shapes_of(_maker(kind)).items()
        )

    return max(CHANNELS, key=fitting)


def _maker(kind: str) -> Any:
    return lambda: TemplateDecoder(kind)  # type: ignore[arg-type]


def _decoder_run(state: dict[str, Tensor], tally: Tally, path: Path, file: Path | None = None) -> Converted:
    kind = _kind(state)
    mean, std = COLOURS[kind]
    recipe = {"task_cls": "template_decoder", "network": kind, "normalize_templates": True, **losses_of(kind)}
    converted = Converted(recipe, state)
    converted.shapes = shapes_of(_maker(kind))
    converted.preprocessing = {
        "template": f"of {RECOGNISER} (buffalo_l's w600k_r50.onnx), brought to length 1",
        "picture": f"published: (RGB - {mean}) / {std}; the last layer is made to give RGB in [-1, 1]",
    }
    digest = next(iter(ASSETS[RECOGNISER].digests), "")
    converted.extra = {"recogniser": {"name": RECOGNISER, "sha256": digest, "width": 512}}
    checked(converted, tally, path)
    if file is not None:
        _compare(state, kind, file)
    scale, shift = 2 * torch.tensor(std), 2 * torch.tensor(mean) - 1
    last = "model.final_layer.3."
    state[f"{last}weight"] = state[f"{last}weight"] * scale[:, None, None, None]
    state[f"{last}bias"] = state[f"{last}bias"] * scale + shift
    return converted


def losses_of(kind: str) -> dict[str, Any]:
    """Return the settings under which a decoder was trained, so that it goes on as it was."""
    if kind == "fr":
        weights = {"pixel": 1.0, "laplace": 0.0, "perceptual": 11.0, "identity": 0.0}
        return {"perceptor": "fr_published", "weights": weights, "batch_size": 200, "clip_grad_norm": 0.0}
    # Published pictures are in units of ImageNet's spreads, ours in halves: the squares differ by this on average.
    factor = round(sum((0.5 / spread) ** 2 for spread in IMAGENET[1]) / 3, 3)
    weights = {"pixel": factor, "laplace": 1000 * factor, "perceptual": 11.0, "identity": 0.0}
    return {"perceptor": "vgg11", "weights": weights, "batch_size": 64, "accumulate_grad_batches": 2}


def _layers(graph: Graph, tally: Tally, path: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, weight) of a graph's layers; a batch norm that an exporter put into its convolution is put back."""
    held = {**graph.constants, **{n.outputs[0]: n.attributes.get("value") for n in graph.nodes if n.op == "Constant"}}
    nodes = [node for node in graph.nodes if node.op in LAYERS]
    width = 0
    for op, name in zip(LAYERS, NAMES, strict=True):
        if op == "BatchNormalization" and nodes and nodes[0].op == "PRelu":
            yield from _nothing_done(name, width)
            continue
        if not nodes or nodes[0].op != op:
            there = f"a {nodes[0].op}" if nodes else "nothing"
            raise DataError(f"{path} looks like a template decoder, but has {there} where {name} ({op}) belongs.")
        node = nodes.pop(0)
        for kind, value, old in _weights(node, held, path):
            if old in tally.tensors:
                tally.take(old, f"model.{name}.{kind}")
            yield f"{name}.{kind}", value
            width = value.numel()
    if nodes:
        raise DataError(f"{path} looks like a template decoder, but goes on with a {nodes[0].op} after its last layer.")


def _weights(node: Node, held: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Tensor, str]]:
    kinds = KINDS.get(node.op, ("weight", "bias"))
    if node.op == "BatchNormalization" and not math.isclose(node.attributes.get("epsilon", 1e-5), 1e-5, rel_tol=1e-3):
        raise DataError(f"{path} has a batch norm with epsilon {node.attributes['epsilon']:g}; the decoder's is 1e-5.")
    for kind, old in zip(kinds, node.inputs[1:], strict=True):
        if not isinstance(held.get(old), np.ndarray):
            raise DataError(f"{path} computes the {kind} of a {node.op} ({old}); export it with constants folded.")
        value = torch.from_numpy(np.array(held[old]))
        if node.op == "PRelu":
            if value.unique().numel() != 1:
                raise DataError(f"{path} has a PRelu with a slope for every channel; the decoder's has one.")
            value = value.flatten()[:1]
        yield kind, value, old


def _nothing_done(name: str, width: int) -> Iterator[tuple[str, Tensor]]:
    """Yield a batch norm that changes nothing."""
    yield f"{name}.weight", torch.full((width,), math.sqrt(1 + 1e-5))
    yield f"{name}.bias", torch.zeros(width)
    yield f"{name}.running_mean", torch.zeros(width)
    yield f"{name}.running_var", torch.ones(width)


def _compare(state: Mapping[str, Tensor], kind: str, file: Path) -> None:
    """Refuse a file that computes something else than the network its weights were put into."""
    network = TemplateDecoder(kind).eval()  # type: ignore[arg-type]
    network.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})
    probe = torch.nn.functional.normalize(torch.randn(1, 512, generator=torch.Generator().manual_seed(0)), dim=1)
    with torch.no_grad():
        wanted = network(probe).numpy()
    try:
        pictures = run_once(file, probe.numpy(), wanted.size)
    except ValueError as error:
        raise DataError(f"{file} cannot be computed ({error}).") from None
    off = float(np.abs(pictures - wanted).max()) if pictures.shape == wanted.shape else math.inf
    if not off <= 1e-3 * max(1.0, float(np.abs(wanted).max())):
        raise DataError(f"{file} has the layers of a template decoder, but computes something else (off by {off:.3g}).")


def iresnet(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert the IResNet-50 to a face encoder; its feature loses its negative half: no face feature here has one."""
    tally = Tally(tensors)
    prefix = beginning(tensors, *IRESNET) or ""
    try:
        depth = depth_of({name.removeprefix(prefix) for name in tensors})
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from None
    if depth != 50:
        raise DataError(f"{path} is an IResNet-{depth}; a face encoder is an IResNet-50. Name it as perceptor_weights.")
    names = iresnet_names()
    state = tally.move(prefix, "model.backbone.", lambda name: _renamed(name, names))
    state["model.head.weight"], state["model.head.bias"] = torch.zeros(1, 512), torch.zeros(1)
    recipe = {
        "task_cls": "face_encoder", "network": "iresnet50", "size": 112, "feature_dim": 512, "classes": 1,
    }  # fmt: skip
    converted = Converted(recipe, state)
    converted.preprocessing = {
        "faces": "RGB from 0 to 1, aligned to InsightFace's template, 112 pixels",
        "feature": "the template's positive half; for whole templates name the file itself as perceptor_weights",
        "last layer": "not in the file (it told the training persons apart); a layer of zeros stands in its place",
    }
    converted.shapes = shapes_of(lambda: FaceResNet(feature_dim=512), "model.backbone.")
    converted.shapes |= {"model.head.weight": (1, 512), "model.head.bias": (1,)}
    return checked(converted, tally, path)


def _renamed(name: str, names: Mapping[str, str]) -> str | None:
    layer, _, kind = name.rpartition(".")
    return f"{names[layer]}.{kind}" if layer in names else None


def iresnet_names() -> dict[str, str]:
    """Return the published names of an IResNet-50's layers -> ours."""
    names = {"conv1": "body.0", "bn1": "body.1", "prelu": "body.2"}
    place = 3
    for stage, blocks in enumerate(STAGES[50], 1):
        for block in range(blocks):
            ours, theirs = f"body.{place}", f"layer{stage}.{block}"
            for order, layer in enumerate(("bn1", "conv1", "bn2", "prelu", "conv2", "bn3")):
                names[f"{theirs}.{layer}"] = f"{ours}.body.{order}"
            names |= {f"{theirs}.downsample.{order}": f"{ours}.short.{order}" for order in (0, 1)}
            place += 1
    return {**names, "bn2": f"body.{place}", "fc": "head.0", "features": "head.1"}


def _is_decoder_graph(tensors: Mapping[str, Tensor], kind: str) -> bool:
    """Say whether an ONNX file begins like a decoder: 512 numbers into 3 x 3 transposed convolutions."""
    kernels = [tuple(value.shape) for value in tensors.values() if value.dim() == 4]
    return kind == "onnx" and len(kernels) == 8 and any(k[0] == 512 and k[2:] == (3, 3) for k in kernels)


SOURCES = [
    Source(
        "rbh24/decoder",
        lambda tensors, kind: kind != "onnx" and beginning(tensors, *DECODER) is not None, decoder, "template_decoder",
    ),
    Source(
        "rbh24/decoder_onnx", _is_decoder_graph, decoder_onnx,
        "template_decoder",
    ),
    Source(
        "rbh24/iresnet50", holds(*IRESNET), iresnet,
        "iresnet50",
    ),
]  # fmt: skip
