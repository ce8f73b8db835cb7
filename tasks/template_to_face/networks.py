"""Choose the network that makes a face of a template."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from modules import face_space
from modules.face_space import FaceSpace
from modules.template_decoder import SIZES, TemplateDecoder
from tasks.template_to_face.config import TemplateDecoderConfig
from utils.errors import DataError

FIRST = ("model.decoder.0.block.0.weight", 0), ("model.straight.weight", 1)
"""The first layer of each network in a checkpoint, and which of its sizes is the length of a template."""


def make_network(config: TemplateDecoderConfig, width: int) -> TemplateDecoder | FaceSpace:
    """Return the network of a recipe for templates of a length."""
    if config.network == "face_space":
        return FaceSpace(width)
    return TemplateDecoder(
        config.network, width, mean=config.mean, std=config.std, swap_red_blue=config.swap_red_blue
    )


def side_of(config: TemplateDecoderConfig) -> int:
    """Return the side of the pictures that it makes."""
    return face_space.SIDE if config.network == "face_space" else SIZES[config.network]


def width_in(state: Mapping[str, Tensor]) -> int:
    """Return the length of a template to the network of a checkpoint.

    Raises:
        DataError: There is no such network in it.
    """
    for name, size in FIRST:
        if name in state:
            return state[name].shape[size]
    raise DataError("The checkpoint holds no network that makes a face of a template.")
