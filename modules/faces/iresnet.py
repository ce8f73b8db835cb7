"""IResNet, the face-recognition network of ArcFace and CosFace, with the maps after each of its four stages."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from modules.layers.prelu import PReLU

STAGES = {50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
"""Depth -> blocks of each stage."""


def _fused(convolution: nn.Module, norm: nn.Module) -> nn.Module:
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)


class Block(nn.Module):
    """BN, conv, BN, PReLU, conv (strided), BN; added to a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1: nn.Module = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(outputs)
        self.prelu = PReLU(outputs)
        self.conv2: nn.Module = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3: nn.Module = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B D h w"]]:
        """Return the sum, and the residual before it is added."""
        residual = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return residual + self.downsample(x), residual

    def fold(self) -> None:
        """Put the BNs that follow a convolution into it; eval mode only, same outputs, a third fewer passes."""
        self.conv1, self.bn2 = _fused(self.conv1, self.bn2), nn.Identity()
        self.conv2, self.bn3 = _fused(self.conv2, self.bn3), nn.Identity()
        if isinstance(self.downsample, nn.Sequential):
            self.downsample = _fused(self.downsample[0], self.downsample[1])


class IResNet(nn.Module):
    """Turn aligned faces into templates; names as in InsightFace's arcface_torch, so that its files load.

    Args:
        depth: 50 or 100.
        width: Length of a template.

    Shapes:
        images: (B, 3, 112, 112) RGB within [-1, 1], aligned.
        returns: (B, width) templates, not normalised.
    """

    def __init__(self, depth: int = 50, width: int = 512) -> None:
        super().__init__()
        self.conv1: nn.Module = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(64)
        self.prelu = PReLU(64)
        inputs = 64
        for number, (outputs, blocks) in enumerate(zip((64, 128, 256, 512), STAGES[depth], strict=True), 1):
            stage = nn.Sequential(*(Block(inputs if i == 0 else outputs, outputs, 2 - (i > 0)) for i in range(blocks)))
            setattr(self, f"layer{number}", stage)
            inputs = outputs
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 7 * 7, width)
        self.features = nn.BatchNorm1d(width)
        self.features.weight.requires_grad_(False)

    def forward(self, images: Float[Tensor, "B 3 112 112"]) -> Float[Tensor, "B D"]:
        """Return templates."""
        return self.stages(images)[1]

    def stages(
        self, images: Float[Tensor, "B 3 112 112"]
    ) -> tuple[list[Float[Tensor, "B _C _H _W"]], Float[Tensor, "B D"]]:
        """Return the last residual (before its sum) of all four stages, finest first, and the templates."""
        x = self.prelu(self.bn1(self.conv1(images)))
        maps = []
        for number in (1, 2, 3, 4):
            residual = x
            for block in getattr(self, f"layer{number}"):
                x, residual = block(x)
            maps.append(residual)
        return maps, self.features(self.fc(self.bn2(x).flatten(1)))

    def fold(self) -> IResNet:
        """Put BNs into their convolutions for good, as suits a frozen network; return itself."""
        self.eval()
        self.conv1, self.bn1 = _fused(self.conv1, self.bn1), nn.Identity()
        for module in self.modules():
            if isinstance(module, Block):
                module.fold()
        return self


def depth_of(names: set[str]) -> int:
    """Return 50 or 100 by the names of a state dict.

    Raises:
        ValueError: They are not an IResNet-50's or -100's.
    """
    for depth, blocks in STAGES.items():
        if f"layer3.{blocks[2] - 1}.conv1.weight" in names and f"layer3.{blocks[2]}.conv1.weight" not in names:
            return depth
    raise ValueError("these are not the weights of an IResNet-50 or -100")
