"""GeneFace's renderers: the vanilla NeRF and RAD-NeRF, heads and torsos. They become tasks that only render."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from modules.renderer.geneface.tiled_grid import table_offsets
from tasks.exchange.source import Converted, Source, Tally
from tasks.exchange.sources.geneface import child, finish, has_children, person_of, updates_of
from utils.errors import DataError

_LARGEST_CONFIG = 1 << 20
PICTURE = {
    "landmarks": "normalised by the mean and deviation in GeneFace's trainval_dataset.npy: import that too",
    "camera": "GeneFace's world and poses, from the same file",
    "colour": "RGB in [0, 1]",
}


def original_settings(path: Path) -> tuple[dict[str, Any], str]:
    """Read the `config.yaml` that lies beside a checkpoint; also say whether there was one."""
    file = path.parent / "config.yaml"
    try:
        text = file.read_bytes()[: _LARGEST_CONFIG + 1].decode("utf-8")
        # aliases are what a dump writes; merge keys nobody dumps, and a few of them are read for ever
        settings = None if len(text) > _LARGEST_CONFIG or "<<" in text else yaml.safe_load(text)
    except OSError:
        return {}, "no config.yaml beside the file: GeneFace's defaults"
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        return {}, "the config.yaml beside the file cannot be read: GeneFace's defaults"
    return settings, "from the config.yaml beside the file"


def known(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Pick numbers and switches that both projects call by the same name."""
    return {name: settings[name] for name in names if isinstance(settings.get(name), int | float | bool)}


def rows_of(tensors: Mapping[str, Tensor], name: str, default: int) -> int:
    """Return the number of rows of a tensor, where it is there."""
    return int(tensors[name].shape[0]) if name in tensors and tensors[name].dim() else default


def nerf(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert a vanilla NeRF: a head alone, or a torso with the head inside."""
    tally, updates = Tally(tensors), updates_of(extras, path)
    settings, where = original_settings(path)
    torso = any(name.startswith(child(tensors, "head_model")) for name in tensors)
    head = child(tensors, "head_model" if torso else "model")
    speech = any(name.startswith(f"{head}aud_net.") for name in tensors)
    color = any(name.startswith(child(tensors, "model") + "color_encoder.") for name in tensors)
    attention = f"{head}{'audatt_net' if speech else 'lmatt_encoder'}.attentionNet.0.weight"
    start = settings.get("no_smo_iterations")
    start = start if isinstance(start, int) and not torso else 0 if torso else 200_000
    recipe = {
        "task_cls": "geneface_nerf",
        "video_id": person_of(path),
        "cond_type": "deepspeech" if speech else "landmarks",
        "torso": torso,
        "use_color": color,
        "smo_win_size": rows_of(tensors, attention, 8 if speech else 5),
        "with_att": updates >= start,
        "infer_lm3d_clamp_std": 3.0,
        **known(settings, "near", "far", "n_samples_per_ray", "n_samples_per_ray_fine"),
    }
    state = tally.move(child(tensors, "model"), "model.") | tally.move(child(tensors, "head_model"), "head_model.")
    preprocessing = {**PICTURE, "settings": where}
    if speech or torso:
        preprocessing["speech"] = "DeepSpeech 0.1.0 logits, windows of 16 of 29, 25 a second, made with GeneFace"
    return finish(Converted(recipe, state, preprocessing=preprocessing, updates=updates), tally, path)


UNUSED = {
    "aabb_train": "the box of training",
    "density_grid": "what the occupied cells were decided from, while training",
    "step_counter": "counters of training",
}
"""Tensors of RAD-NeRF that rendering has no use for."""


def radnerf(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert a RAD-NeRF, with or without torso.

    Raises:
        DataError: Something does not fit, or its grids have another layout.
    """
    tally, (settings, where) = Tally(tensors), original_settings(path)
    prefix = child(tensors, "model")
    for name, reason in UNUSED.items():
        if prefix + name in tensors:
            tally.leave(prefix + name, reason, exact=True)
    tally.leave(child(tensors, "criterion_lpips"), "the perceptual loss of training")
    torso = any(name.startswith(f"{prefix}torso_") for name in tensors)
    first = f"{prefix}cond_prenet.encoder_conv.0.weight"
    channels = int(tensors[first].shape[1]) if first in tensors and tensors[first].dim() == 3 else 204
    recipe = {
        "task_cls": "geneface_radnerf",
        "video_id": person_of(path),
        "cond_type": {44: "esperanto", 29: "deepspeech"}.get(channels, "landmarks"),
        "torso": torso,
        "torso_head_aware": any(name.startswith(f"{prefix}head_color_weights_encoder.") for name in tensors),
        "smo_win_size": rows_of(tensors, f"{prefix}cond_att_net.attentionNet.0.weight", 5),
        "individual_embedding_num": rows_of(tensors, f"{prefix}individual_embeddings", 13_000),
        **known(settings, "camera_scale", "torso_shrink", "with_att"),
    }
    for name, values in (
        ("grid_type", ("tiledgrid", "hashgrid")),
        ("grid_interpolation_type", ("linear", "smoothstep")),
    ):
        if settings.get(name) in values:
            recipe[name] = settings[name]
    state = tally.move(prefix, "model.")
    for name in [name for name in state if name.endswith("_embedder.offsets")]:
        layout = table_offsets(3 if "position" in name else 2)
        if state[name].tolist() != layout:
            raise DataError(f"{path}: {name} is not the layout of a grid of 16 levels from 16 to 2048 with 2^16 rows.")
    preprocessing = {**PICTURE, "settings": where}
    return finish(Converted(recipe, state, preprocessing=preprocessing, updates=updates_of(extras, path)), tally, path)


SOURCES = [
    Source(
        "geneface/lm3d_radnerf",
        has_children("model.position_embedder.", without=("model.torso_",)), radnerf, "lm3d_radnerf",
    ),
    Source(
        "geneface/lm3d_radnerf_torso",
        has_children("model.position_embedder.", "model.torso_"), radnerf, "lm3d_radnerf_torso",
    ),
    Source(
        "geneface/lm3d_nerf",
        has_children("model.model_fine.", "model.lm_encoder.", without=("head_model.",)), nerf, "lm3d_nerf",
    ),
    Source(
        "geneface/adnerf",
        has_children("model.model_fine.", "model.aud_net.", without=("head_model.",)), nerf, "adnerf",
    ),
    Source(
        "geneface/lm3d_nerf_torso",
        has_children("model.model_fine.", "head_model.lm_encoder."), nerf, "lm3d_nerf_torso",
    ),
    Source(
        "geneface/adnerf_torso",
        has_children("model.model_fine.", "head_model.aud_net."), nerf, "adnerf_torso",
    ),
]  # fmt: skip
"""What is recognised, by the beginnings of its names."""
