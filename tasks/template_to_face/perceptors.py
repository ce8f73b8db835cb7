"""Frozen networks that look at pictures: their maps are compared, their templates say who is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modules.faces.imagenet_maps import ImagenetKind, ImagenetMaps
from modules.faces.iresnet import IResNet, depth_of
from modules.onnx.format import read_onnx
from modules.onnx.network import OnnxNetwork
from modules.template_decoder import Vgg11Maps
from tasks.weights.read import read_file
from utils.assets import asset_path
from utils.errors import ConfigError, DataError
from utils.files.digests import sha256

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def recogniser_network(path: Path) -> OnnxNetwork:
    """Read an ONNX recogniser as a torch module through which gradients flow.

    Raises:
        DataError: It holds what is not read here.
    """
    try:
        network = OnnxNetwork(read_onnx(Path(path).read_bytes()))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from None
    return network.eval()


class Perceptor(nn.Module):
    """Give the maps of a frozen network, and its template where it has one.

    Args:
        network: Something with `stages(images)`.
        source: Which network it is, as plain data for the checkpoint.
        imagenet: Whether it wants ImageNet's normalisation instead of [-1, 1].
        side: Side of the pictures it wants; None takes any.
        stages: How many of the network's maps are compared, from the finest on; None takes all.
    """

    def __init__(
        self,
        network: nn.Module,
        source: dict[str, Any],
        *,
        imagenet: bool = False,
        side: int | None = 112,
        stages: int | None = None,
    ) -> None:
        super().__init__()
        self.stages = stages
        self.network, self.source, self.imagenet, self.side = (
            network.eval().requires_grad_(False),
            source,
            imagenet,
            side,
        )
        self.register_buffer("mean", torch.tensor(IMAGENET[0])[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET[1])[:, None, None])

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return maps, the template among them, and the template itself, of (B, 3, S, S) in [-1, 1]."""
        if self.side is not None and images.shape[-1] != self.side:
            images = F.interpolate(images, size=(self.side, self.side), mode="bilinear", align_corners=False)
        if self.imagenet:
            images = ((images + 1) / 2 - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        maps, feature = self.network.stages(images)  # type: ignore[operator]
        maps = maps[: self.stages]
        return (maps if feature is None else [*maps, feature]), feature


def make_perceptor(name: str, weights: str, recogniser: nn.Module | None) -> Perceptor:
    """Make a perceptor by name.

    Args:
        name: `fr`, `fr_published`, `vgg11`, `resnet18` or `effnetb0`.
        weights: File of an `fr`; empty takes `recogniser`, which `fr_published` does not. Folder of the last two.

    Raises:
        DataError: The file is missing, or of another network.
        ConfigError: `fr_published` is asked for without an IResNet.
    """
    if name == "vgg11":
        path = Path(weights) if weights else asset_path("vgg11")
        network = Vgg11Maps()
        state = read_state(path)
        network.load_state_dict({key: value for key, value in state.items() if key.startswith("features.")})
        return Perceptor(network, {"path": str(path), "sha256": sha256(path)}, imagenet=True, side=None)
    if name in ("resnet18", "effnetb0"):
        return _imagenet(name, Path(weights))  # type: ignore[arg-type]
    published = name == "fr_published"
    if published and (not weights or weights.endswith(".onnx")):
        raise ConfigError(
            "perceptor = fr_published compares an IResNet's maps: give its file, --perceptor_weights=backbone.pth, "
            "or take the templates' own recogniser, --perceptor=fr."
        )
    if not weights:
        assert recogniser is not None, "the task refuses a recipe without either"
        return Perceptor(recogniser, {"path": "the templates' own recogniser"})
    path = Path(weights)
    if path.suffix == ".onnx":
        return Perceptor(recogniser_network(path), {"path": str(path), "sha256": sha256(path)})
    state = read_state(path)
    try:
        iresnet = IResNet(depth_of(set(state)))
        iresnet.load_state_dict(state)
    except (ValueError, RuntimeError) as error:
        raise DataError(f"{path}: {str(error).splitlines()[0]}.") from None
    # The published list calls stage 3 and stage 4 by one name, and keeps the former: layer1, layer2, layer3, features.
    stages = 3 if published else None
    return Perceptor(iresnet.fold(), {"path": str(path), "sha256": sha256(path)}, stages=stages)


def _imagenet(kind: ImagenetKind, folder: Path) -> Perceptor:
    hub = {"resnet18": "microsoft/resnet-18", "effnetb0": "google/efficientnet-b0"}[kind]
    how = f"Give --perceptor_weights a folder with config.json and model.safetensors, as huggingface.co/{hub} has them"
    if not (folder / "config.json").is_file():
        raise DataError(f"perceptor = {kind}: no weights at '{folder}'. {how}.")
    try:
        network = ImagenetMaps(kind, folder)
    except Exception as error:  # transformers refuses what is damaged in many ways
        raise DataError(f"perceptor = {kind}: {folder}: {' '.join(str(error).split())[:200]}. {how}.") from None
    weights = folder / "model.safetensors"
    source = {"path": str(folder), "sha256": sha256(weights) if weights.is_file() else ""}
    return Perceptor(network, source, imagenet=True, side=None)


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict (.pth, .safetensors) without running code from it.

    Raises:
        DataError: It is missing, or something else.
    """
    return read_file(path).inside("state_dict")
