"""The files of the original wav2pix: by which names they are known, and its colours put right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from tasks.weights.names import beginning
from tasks.weights.read import read_file
from utils.errors import DataError

GENERATOR = ("audio_embedding.disc.0.conv.weight", "netG.0.module.weight_bar")
DISCRIMINATOR = ("netD_2.weight",)
HEAD = ("aux_classifier.net.3.", "aux_classifier.net.4.")
"""Beginnings of the names, within a generator, of the layers that tell the speakers apart."""


def turn_colours(state: dict[str, Tensor], part: Literal["generator", "discriminator"], size: int, prefix: str) -> None:
    """Exchange red and blue of the layer that makes or sees pictures, and of the vector kept for its spectral norm."""
    generator = "netG.6.9.module" if size == 128 else "netG.3.9.module"
    discriminator = "netD_1.0.0.module" if size == 128 else "netD_1.0.module"
    layer = prefix + (generator if part == "generator" else discriminator)
    bar, v = state[f"{layer}.weight_bar"], state[f"{layer}.weight_v"]
    state[f"{layer}.weight_bar"] = bar.flip(1).contiguous()
    state[f"{layer}.weight_v"] = v.view(3, -1).flip(0).flatten()


def weights_of(
    path: Path, part: Literal["generator", "discriminator"], own: Mapping[str, Tensor], size: int
) -> dict[str, Tensor]:
    """Read a generator or discriminator for pictures of `size`, the original's or a run's.

    Args:
        own: The network's own weights: its speakers' layers stay where the file knows another number of speakers.

    Raises:
        DataError: The file is missing or damaged, or holds another network.
    """
    tensors = read_file(path).tensors
    prefix = beginning(tensors, *(GENERATOR if part == "generator" else DISCRIMINATOR))
    state = {} if prefix is None else {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
    counts = {n: v for n, v in own.items() if n.endswith("num_batches_tracked")}  # torch before 0.4.1 has none
    state = {**counts, **state}
    if any(n in state and state[n].shape != v.shape for n, v in own.items() if n.startswith(HEAD)):
        state |= {n: v for n, v in own.items() if n.startswith(HEAD)}
    wrong = sorted(n for n in {*own, *state} if n not in own or n not in state or own[n].shape != state[n].shape)
    if wrong:
        raise DataError(
            f"{path} holds no {part} like this one ({len(wrong)} tensors differ, first {wrong[0]}): image_size, width, "
            "norm, pose_dim, length of sound and, of a discriminator, matching (the original's is concat) have to be "
            "the same."
        )
    state = {name: state[name].clone() for name in own}
    if prefix is not None and not prefix.endswith(f"{part}."):
        turn_colours(state, part, size, "")
    return state
