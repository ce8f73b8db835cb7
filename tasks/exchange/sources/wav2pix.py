"""wav2pix: generator and discriminator. Both keep their spectral norm: our networks have the published names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.wav2pix import HEARD, Discriminator, Generator
from tasks.exchange.networks import checked, shapes_of
from tasks.exchange.source import Converted, GoesWith, Source, Tally
from tasks.wav2pix.published import DISCRIMINATOR, GENERATOR, turn_colours
from tasks.weights.names import beginning
from tasks.weights.read import read_file

SAMPLES = {3: 11_200, 4: 16_000, 8: 32_000, 16: 64_000}
"""Time steps that the speech encoder leaves -> samples of the published lengths: 0.7, 1, 2 and 4 s."""


def generator(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Convert a generator, and the discriminator that lies beside it: `disc_<n>.pth` beside `gen_<n>.pth`."""
    tally = Tally(tensors)
    prefix = beginning(tensors, *GENERATOR) or ""
    state = tally.move(prefix, "generator.")
    size = 128 if f"{prefix}netG.6.0.module.weight_bar" in tensors else 64
    python2 = bool(extras.get("python2"))
    recipe = {
        "task_cls": "wav2pix", "image_size": size, "audio_normalisation": "integer" if python2 else "float",
    }  # fmt: skip
    converted = Converted(recipe, state)
    flat, last = (state.get(f"generator.{name}.weight") for name in ("audio_embedding.fc.0", "aux_classifier.net.3"))
    steps = flat.shape[1] // HEARD[-1] if flat is not None and flat.dim() == 2 else 4
    samples = SAMPLES.get(steps, max(1, steps) * 4 ** len(HEARD))
    classes = len(last) if last is not None and last.dim() else 10
    converted.shapes = shapes_of(lambda: Generator(size, classes, samples), "generator.")
    converted.extra = {"speakers": [], "samples": samples}
    scaled = "rounded down to -1, 0 and 1 (saved by Python 2)" if python2 else "divided by its peak (saved by Python 3)"
    converted.preprocessing = {
        "sound": f"{samples} samples at 16 kHz, {scaled}, then x[t] - 0.95 x[t-1]",
        "picture": "published with red and blue exchanged; the first and last layers are turned, it is RGB in [-1, 1]",
        "speakers": f"{classes} classes; the file does not say who they are",
    }
    checked(converted, tally, path)
    beside = path.with_name(re.sub(r"^gen", "disc", path.name))
    if beside != path and beside.is_file():
        _add_discriminator(converted, size, beside)
    else:
        converted.preprocessing["discriminator"] = f"a new one: {beside.name} is not beside the file"
        converted.state_dict |= _new_discriminator(size)
    turn_colours(state, "generator", size, "generator.")
    turn_colours(state, "discriminator", size, "discriminator.")
    converted.shapes = {**converted.shapes, **shapes_of(lambda: Discriminator(size), "discriminator.")}
    return converted


def _add_discriminator(converted: Converted, size: int, path: Path) -> None:
    tensors = read_file(path).tensors
    tally = Tally(tensors)
    part = Converted(converted.recipe, tally.move(beginning(tensors, *DISCRIMINATOR) or "", "discriminator."))
    part.shapes = shapes_of(lambda: Discriminator(size), "discriminator.")
    checked(part, tally, path)
    converted.state_dict |= part.state_dict
    converted.names |= part.names
    converted.preprocessing["discriminator"] = f"from {path.name}"


def _new_discriminator(size: int) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {f"discriminator.{name}": value for name, value in Discriminator(size).state_dict().items()}


def discriminator(tensors: Mapping[str, Tensor], extras: Mapping[str, Any], path: Path) -> Converted:
    """Say that a discriminator comes with its generator."""
    beside = re.sub(r"^disc", "gen", path.name)
    raise GoesWith(f"{path} is wav2pix's discriminator; import the generator beside it ({beside}): it takes it along.")


SOURCES = [
    Source(
        "wav2pix/generator",
        lambda tensors, kind: beginning(tensors, *GENERATOR) is not None, generator, "wav2pix",
    ),
    Source(
        "wav2pix/discriminator",
        lambda tensors, kind: beginning(tensors, *DISCRIMINATOR) is not None, discriminator, "wav2pix",
    ),
]  # fmt: skip
