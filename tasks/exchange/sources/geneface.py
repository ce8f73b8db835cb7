"""GeneFace's motion networks: SyncNet, speech to landmarks, postnet. Its renderers are in `geneface_renderers`.

A GeneFace checkpoint holds `state_dict = {child: {name: tensor}}`, one child for every part of its task. Its landmarks
are tenths of the unit of its face model, whose eyes are 0.62 apart; ours are tenths of an eye distance. The factor goes
into the first and the last layers, so that what is imported reads and writes our landmarks like a network trained here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasks.exchange.source import Converted, Source, Tally, verify
from utils.config.recipe import load_recipe
from utils.paths import ROOT

BFM_EYE_DISTANCE = 0.62129
"""Eye distance of GeneFace's face model (BFM 2009, in decimetres), from the five points Deep3DFaceRecon aligns to."""
OURS = 1 / BFM_EYE_DISTANCE
"""Our landmarks for one unit of GeneFace's `idexp_lm3d`."""
SPEECH = {
    "audio": "HuBERT-large (hubert-large-ls960-ft), last hidden state, 50 rows a second, the even rows",
    "landmarks": f"tenths of an eye distance; GeneFace's idexp_lm3d times {OURS:.4f}, which is folded into the weights",
}
DRIFTED = "a frozen SyncNet whose batch statistics drifted in training; import lrs3/syncnet for the sound one"


def child(tensors: Mapping[str, Tensor], name: str) -> str:
    """Return the prefix of the names of one child: a checkpoint may be a bare state dict."""
    return f"state_dict.{name}." if any(key.startswith("state_dict.") for key in tensors) else f"{name}."


def has_children(*children: str, without: tuple[str, ...] = ()) -> Callable[[Mapping[str, Tensor], str], bool]:
    """Recognise a file by the beginnings of the names that lie in its state dict, and those that do not."""

    def recognise(tensors: Mapping[str, Tensor], kind: str) -> bool:
        names = [key.removeprefix("state_dict.") for key in tensors]

        def found(prefix: str) -> bool:
            return any(name.startswith(prefix) for name in names)

        return all(map(found, children)) and not any(map(found, without))

    return recognise


def updates_of(extras: Mapping[str, Any], path: Path) -> int:
    """Return the step a checkpoint was saved at, from what it says, else from its name."""
    step = extras.get("global_step")
    if isinstance(step, int) and step > 0:
        return step
    digits = path.stem.removeprefix("model_ckpt_steps_")
    return int(digits) if digits.isdigit() else 1


def person_of(path: Path) -> str:
    """Return whose run a file is, where it lies as GeneFace has it: <person>/<stage>/<file>; empty elsewhere."""
    folder = path.resolve().parent
    folder = folder.parent if folder.name == "original" else folder
    return folder.parent.name if folder.name.startswith(("lm3d_", "postnet", "adnerf", "radnerf")) else ""


def finish(converted: Converted, tally: Tally, path: Path) -> Converted:
    """Leave out what every GeneFace checkpoint has besides weights, and check the rest."""
    tally.leave("optimizer_states.", "the optimiser's memory, which follows the original's order of parameters")
    for part in (converted, *converted.companions.values()):
        part.names = dict(tally.names)
    converted.left_out = dict(tally.left_out)
    verify(converted, path, tally.unknown())
    return converted


def recipe_of(path: str, **settings: Any) -> dict[str, Any]:
    """Return a recipe of this project with settings that the original's weights want."""
    return {**load_recipe(ROOT / path).values, **settings}


def weight_norm(name: str) -> str:
    """Translate the old names of a weight-normalised layer."""
    for old, new in ((".weight_g", "original0"), (".weight_v", "original1")):
        if name.endswith(old):
            return f"{name.removesuffix(old)}.parametrizations.weight.{new}"
    return name


def scale(state: dict[str, Tensor], factors: Mapping[str, float]) -> None:
    """Multiply named tensors; one that is missing is left for `verify` to name."""
    for name, factor in factors.items():
        if name in state:
            state[name] = state[name] * factor


def identity_norm(state: dict[str, Tensor], width: int) -> None:
    """Add the statistics that the original does not use: features go in as they are."""
    state["model.audio_norm.mean"] = torch.zeros(width)
    state["model.audio_norm.std"] = torch.ones(width)


def syncnet(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert SyncNet."""
    tally = Tally(tensors)
    state = tally.move(child(tensors, "model"), "model.")
    scale(state, {"model.mouth_encoder.0.conv_block.0.weight": BFM_EYE_DISTANCE})
    identity_norm(state, 1024)
    recipe = recipe_of("egs/datasets/lrs3/lm3d_syncnet.yaml")
    return finish(Converted(recipe, state, preprocessing=SPEECH, updates=updates_of(extras, path)), tally, path)


def speech(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert the speech-to-landmarks network, with or without pitch."""
    tally = Tally(tensors)
    converted = _speech(tally, child(tensors, "model"))
    converted.updates = updates_of(extras, path)
    tally.leave(child(tensors, "syncnet_task"), DRIFTED)
    return finish(converted, tally, path)


def _speech(tally: Tally, prefix: str) -> Converted:
    state = tally.move(prefix, "model.", weight_norm)
    last = "model.vae.decoder.out_proj."
    scale(state, {
        "model.vae.encoder.pre_net.0.weight": BFM_EYE_DISTANCE, f"{last}weight": OURS, f"{last}bias": OURS,
    })  # fmt: skip
    identity_norm(state, 1024)
    pitch = any(name.startswith("model.pitch_embed.") for name in state)
    preprocessing = {**SPEECH, "pitch": "Hz, 255 steps of the mel scale from 50 to 1100 Hz"} if pitch else dict(SPEECH)
    recipe = recipe_of(
        "egs/datasets/lrs3/lm3d_vae_sync.yaml", audio_pairing="even", pitch=pitch, dilation=1, infer_ends="zeros"
    )  # fmt: skip
    return Converted(recipe, state, preprocessing=preprocessing)


def postnet(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert the refiner and its critic, and the speech network inside, which it must be used with.

    The speech network's weights are those it was trained behind, but the batch statistics drifted while the refiner
    was trained, and the refiner is used to that.
    """
    tally = Tally(tensors)
    speech_prefix = child(tensors, "audio2motion_task") + "model."
    speech_part = _speech(tally, speech_prefix)
    state = tally.move(child(tensors, "model"), "model.")
    state |= tally.move(child(tensors, "disc_model"), "disc_model.")
    first = "model.block1.0.conv_block.0.weight"
    pitch = bool(speech_part.recipe["pitch"]) and first in state and state[first].shape[1] > 204
    if first in state and state[first].dim() == 3:
        state[first] = torch.cat([state[first][:, :204] * BFM_EYE_DISTANCE, state[first][:, 204:]], dim=1)
    scale(state, {
        "model.block3.1.weight": OURS, "model.block3.1.bias": OURS, "disc_model.backbone.0.weight": BFM_EYE_DISTANCE,
    })  # fmt: skip
    embed, own = child(tensors, "pitch_embed") + "weight", speech_prefix + "pitch_embed.weight"
    if embed in tensors and own in tensors and torch.equal(tensors[embed], tensors[own]):
        tally.leave(embed, "the same table as in the speech network")
    tally.leave(child(tensors, "audio2motion_task") + "syncnet_task.", DRIFTED)
    tally.leave(child(tensors, "syncnet_task"), DRIFTED)
    recipe = recipe_of("egs/datasets/videos/May/lm3d_postnet_sync.yaml", pitch=pitch, start_at_identity=False)
    recipe["video_id"] = person_of(path)
    converted = Converted(recipe, state, preprocessing=SPEECH, updates=updates_of(extras, path))
    converted.companions["audio2motion"] = speech_part
    return finish(converted, tally, path)


SOURCES = [
    Source(
        "geneface/syncnet",
        has_children("model.hubert_encoder.", "model.mouth_encoder."), syncnet, "syncnet",
    ),
    Source(
        "geneface/lm3d_vae_sync",
        has_children("model.vae."), speech, "lm3d_vae_sync",
    ),
    Source(
        "geneface/postnet",
        has_children("model.block1.", "model.block3."), postnet, "lm3d_postnet_sync",
    ),
]  # fmt: skip
"""What is recognised, by the beginnings of its names."""
