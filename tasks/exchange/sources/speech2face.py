"""Speech-to-face: both voice encoders, the face decoder, and VGG-Face in the layouts that it was published in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from modules.faces.vgg_face import VggFace, from_keras, published_names, with_rows_mended
from modules.speech_to_face.face_decoder import FaceDecoder, from_72
from modules.speech_to_face.ve_ast import VoiceTransformer
from modules.speech_to_face.ve_conv import VoiceEncoder
from tasks.exchange.networks import checked, holds, shapes_of
from tasks.exchange.source import Converted, Source, Tally
from tasks.weights.names import beginning
from utils.errors import DataError

SIDE = 224
"""Side of the published faces in pixels."""
FACES = {"faces": "RGB from 0 to 1, 224 pixels, the whole picture resized; nothing is subtracted"}
LOUDNESS = "16 kHz, brought to -23 dB, looped when short"
SPECTROGRAM = {
    "sound": f"6 s at {LOUDNESS}",
    "spectrogram": "magphase: magnitude^0.3 and sign(phase) |phase|^0.3, 257 x 601, centred frames",
}
BESIDE = {
    "face_encoder": "checkpoints/imported/vgg_face",
    "face_decoder_work_dir": "checkpoints/imported/face_decoder",
}
"""Where the networks go that a voice encoder is used with, unless told otherwise."""


def _trained(extras: Mapping[str, Any]) -> dict[str, str]:
    epoch = extras.get("epoch")
    return {"trained": f"{epoch + 1} epochs"} if isinstance(epoch, int) else {}


def losses_of(**weights: float) -> dict[str, Any]:
    """Return the settings of the losses that a voice encoder was trained with, so that it goes on with them."""
    return {
        "weights": {**weights, "contrastive": 0.0}, "loss_reduction": "batch", "temperature": 2.0,
        "pairing": "all_to_one", "random_crop": False,
    }  # fmt: skip


def ve_conv(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert the convolutional voice encoder; the names are ours."""
    tally = Tally(tensors)
    state = tally.move(beginning(tensors, *VE_CONV) or "", "model.")
    recipe = {
        "task_cls": "ve_conv", "spectrogram": "magphase", "audio_seconds": 6.0, "batch_size": 4, "lr": 1e-3,
        "lr_decay": 1.0, **losses_of(direction=0.025, distil=200.0, decoder=1.0), **BESIDE,
    }  # fmt: skip
    converted = Converted(recipe, state, preprocessing={**SPECTROGRAM, **_trained(extras)})
    converted.shapes = shapes_of(VoiceEncoder)
    return checked(converted, tally, path)


def ve_ast(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert the spectrogram transformer, from the names of transformers 4 or 5 to those of the one installed."""
    tally = Tally(tensors)
    shapes = shapes_of(VoiceTransformer)
    installed = {modern(name): name for name in shapes}
    prefix = beginning(tensors, *AST) or ""

    def rename(name: str) -> str:
        for old, new in AST_PARTS.items():
            if name.startswith(old):
                name = new + name.removeprefix(old)
        return installed.get(modern(f"model.{name}"), f"model.{name}").removeprefix("model.")

    state = tally.move(prefix, "model.", rename)
    began = extras.get("fine_tune_epoch_start")
    tuned = isinstance(began, int) and began >= 0
    recipe = {
        "task_cls": "ve_ast", "batch_size": 2 if tuned else 8, "lr": 1e-4, "lr_fine_tune": 1e-6,
        **losses_of(direction=30.0, distil=2.0, decoder=50.0), **BESIDE,
    }  # fmt: skip
    preprocessing = {
        "sound": f"10.26 s at {LOUDNESS}",
        "filter banks": "128 Kaldi mel banks, 1024 rows of 10 ms, (x + 5.460994) / (2 * 3.1129124)",
        **_trained(extras),
    }
    converted = Converted(recipe, state, preprocessing=preprocessing, shapes=shapes)
    converted.extra = {"fine_tune_from": 1 if tuned else -1}
    return checked(converted, tally, path)


_MODERN = (
    ("encoder.layer.", "layers."), ("attention.attention.query.", "attention.q_proj."),
    ("attention.attention.key.", "attention.k_proj."), ("attention.attention.value.", "attention.v_proj."),
    ("attention.output.dense.", "attention.o_proj."), ("intermediate.dense.", "mlp.fc1."),
    ("output.dense.", "mlp.fc2."),
)  # fmt: skip


def modern(name: str) -> str:
    """Return the name that transformers 5 has for a transformer's tensor."""
    for old, new in _MODERN:
        name = name.replace(old, new)
    return name


def face_decoder(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert the face decoder. Its last landmark layer gives 72 points in pixels; ours 68, normalised."""
    tally = Tally(tensors)
    state = tally.move(beginning(tensors, *DECODER) or "", "model.")
    recipe = {"task_cls": "face_decoder", "texture": "photo", "face_encoder": BESIDE["face_encoder"]}
    preprocessing = {
        "feature": "of VGG-Face, after its ReLU, not normalised",
        "texture": "the picture itself, 224 pixels, RGB from 0 to 1",
        "landmarks": "published: 72 points in pixels; the last layer is made to give 68, normalised",
        **_trained(extras),
    }
    converted = Converted(recipe, state, preprocessing=preprocessing)
    converted.shapes = shapes_of(lambda: FaceDecoder(points=72))
    checked(converted, tally, path)
    last = "model.landmark_layers.3.0."
    weight, bias = state[f"{last}weight"], state[f"{last}bias"]
    state[f"{last}weight"] = _points(weight.T).T
    state[f"{last}bias"] = _points(bias[None] + 0.5)[0] - 1  # dlib counts pixel centres from 0, we from the corner
    converted.shapes = shapes_of(FaceDecoder)
    return converted


def _points(rows: Tensor) -> Tensor:
    """Turn rows (N, 144) of 72 points in pixels into rows (N, 136) of 68 in halves of the picture's side."""
    points = from_72(rows.double().unflatten(1, (72, 2)))
    return (points.flatten(1) * (2 / SIDE)).float().contiguous()


def vgg_face(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert VGG-Face in either PyTorch layout; fc6 reads its map as the published network does."""
    return _vgg_face(tensors, path, "chw")


def vgg_face_mended(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert VGG-Face whose converter kept Keras's order of rows though PyTorch reads channel by channel."""
    return _vgg_face(tensors, path, "hwc")


def _vgg_face(tensors: Mapping[str, Tensor], path: Path, rows: Literal["chw", "hwc"]) -> Converted:
    tally, ours = Tally(tensors), vgg_names()
    prefixes = (beginning(tensors, *names) for names in VGG)

    def rename(name: str) -> str | None:
        return ours[f"layer{match[1]}.0.{match[2]}"] if (match := LAYER.fullmatch(name)) else None

    state = tally.move(next((p for p in prefixes if p is not None), ""), "", rename)
    for name in ("fc6.weight", "fc7.weight", "fc8.weight"):
        if name in state and state[name].dim() == 4:
            state[name] = state[name].flatten(1)
    if rows == "hwc" and "fc6.weight" in state:
        state["fc6.weight"] = with_rows_mended(state["fc6.weight"], SIDE)
    order = "channel by channel, as the published network" if rows == "chw" else "mended: brought into PyTorch's order"
    return _vgg_run(state, tally, path, order)


def vgg_face_keras(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert VGG-Face from Keras, linear or convolutional at its end; the rows of fc6 come in PyTorch's order."""
    tally, ours, names = Tally(tensors), vgg_names(), list(tensors)
    try:
        published = from_keras([(tensors[k], tensors[b]) for k, b in zip(names[::2], names[1::2], strict=True)])
    except (ValueError, IndexError, RuntimeError) as error:
        raise DataError(f"{path} looks like VGG-Face but does not fit: {error}. Nothing was written.") from None
    state = {}
    for old, (new, value) in zip(names, published.items(), strict=True):
        tally.take(old, ours[new])
        state[ours[new]] = value
    return _vgg_run(state, tally, path, "brought into PyTorch's order")


def _vgg_run(state: dict[str, Tensor], tally: Tally, path: Path, rows: str) -> Converted:
    tally.names = {f"model.backbone.{name}": old for name, old in tally.names.items()}
    recipe = {"task_cls": "face_encoder", "network": "vgg_face", "classes": 2622, "channels_last": False}
    converted = Converted(recipe, {f"model.backbone.{name}": value for name, value in state.items()})
    converted.preprocessing = {**FACES, "rows of fc6": rows}
    converted.shapes = shapes_of(VggFace, "model.backbone.")
    return checked(converted, tally, path)


def vgg_names() -> dict[str, str]:
    """Return published name (the first layout's) -> ours, of all 32 tensors."""
    published = {f"layer{n}.0.{kind}": torch.empty(0) for n in range(1, 17) for kind in ("weight", "bias")}
    return dict(zip(published, published_names(published), strict=True))


def _is_keras_vgg(tensors: Mapping[str, Tensor], kind: str) -> bool:
    first = next(iter(tensors.values()), torch.empty(0))
    return kind == "keras" and tuple(first.shape) == (3, 3, 3, 64) and len(tensors) >= 26


LAYER = re.compile(r"layer(1[0-6]|[1-9])\.\d\.(weight|bias)")
VE_CONV = ("layer10.1.weight", "layer9.3.running_mean")
AST = ("classifier.0.dense.weight", "audio_spectrogram_transformer.embeddings.cls_token")
AST_PARTS = {
    "audio_spectrogram_transformer.": "transformer.", "classifier.0.layernorm.": "head.0.",
    "classifier.0.dense.": "head.1.",
}  # fmt: skip
DECODER = ("pre_layers.0.0.weight", "texture_layers.5.0.weight")
VGG = (("layer14.1.weight", "layer16.0.weight"), ("layer14.0.weight", "layer16.1.weight"))

SOURCES = [
    Source(
        "speech2face/ve_conv", holds(*VE_CONV), ve_conv, "ve_conv",
    ),
    Source("speech2face/ast", holds(*AST), ve_ast, "ve_ast"),
    Source(
        "speech2face/face_decoder", holds(*DECODER), face_decoder,
        "face_decoder",
    ),
    Source(
        "speech2face/vgg_face",
        lambda tensors, kind: any(beginning(tensors, *names) is not None for names in VGG), vgg_face, "vgg_face",
    ),
    Source(
        "speech2face/vgg_face_mended",
        lambda tensors, kind: False, vgg_face_mended, "vgg_face",
    ),
    Source(
        "speech2face/vgg_face_keras", _is_keras_vgg, vgg_face_keras, "vgg_face",
    ),
]  # fmt: skip
