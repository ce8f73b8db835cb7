"""ImageNet's ResNet-18 and EfficientNet-B0 as perceptors: the maps that rbh24's perceptual loss compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

ImagenetKind = Literal["resnet18", "effnetb0"]
BLOCKS = {"resnet18": [2, 2, 2, 2], "effnetb0": [1, 2, 2, 3, 3, 4, 1]}
"""Blocks of each stage; other depths have other maps."""


class ImagenetMaps(nn.Module):
    """Give maps of a classifier without its last layer.

    resnet18: after the first ReLU and stages 1, 2 and 4. effnetb0: the stem and the first block of stages 1, 4 and 7.

    Args:
        kind: Which network it is.
        folder: Its weights in transformers' layout: `config.json` and `model.safetensors`. No code of it is run.

    Shapes:
        images: (B, 3, H, W) RGB, ImageNet-normalised.

    Raises:
        OSError: There is no such folder, or no weights as safetensors in it.
        ValueError: It holds another network, or a part of one.
    """

    def __init__(self, kind: ImagenetKind, folder: Path) -> None:
        super().__init__()
        from transformers import AutoConfig, EfficientNetModel, ResNetModel

        self.kind = kind
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
        blocks = config.depths if config.model_type == "resnet" else getattr(config, "num_block_repeats", [])
        wanted = {"resnet18": "resnet", "effnetb0": "efficientnet"}[kind]
        if config.model_type != wanted or list(blocks) != BLOCKS[kind] or getattr(config, "layer_type", "") not in (
            "", "basic",
        ):  # fmt: skip
            raise ValueError(f"it is a {config.model_type} of {list(blocks)} blocks, not {kind}")
        model: Any = ResNetModel if kind == "resnet18" else EfficientNetModel
        self.network, info = model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        if missing := sorted(info["missing_keys"]):
            raise ValueError(f"{len(missing)} weights are missing, first {missing[0]}")

    def stages(self, images: Float[Tensor, "B 3 H W"]) -> tuple[list[Float[Tensor, "B _C _H _W"]], None]:
        """Return the maps, finest first; there is no template."""
        network = self.network
        if self.kind == "resnet18":
            first = network.embedder.embedder(images)
            maps, x = [first], network.embedder.pooler(first)
            for stage in network.encoder.stages:
                x = stage(x)
                maps.append(x)
            return [maps[0], maps[1], maps[2], maps[4]], None
        x = network.embeddings(images)
        maps, repeats = [x], BLOCKS["effnetb0"]
        firsts = {sum(repeats[: stage - 1]) for stage in (1, 4, 7)}
        for number, block in enumerate(network.encoder.blocks):
            x = block(x)
            if number in firsts:
                maps.append(x)
        return maps, None
