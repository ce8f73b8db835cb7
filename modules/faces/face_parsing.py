"""BiSeNet for faces: which of 19 parts a pixel belongs to. Names follow the published state dict `79999_iter.pth`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CLASSES = (
    "background", "skin", "left_brow", "right_brow", "left_eye", "right_eye", "glasses", "left_ear", "right_ear",
    "earring", "nose", "mouth", "upper_lip", "lower_lip", "neck", "necklace", "cloth", "hair", "hat",
)  # fmt: skip
"""The classes of CelebAMask-HQ, in the network's order."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
_TRAINING_ONLY = ("conv_out16.", "conv_out32.")


class ConvBlock(nn.Module):
    """Convolve, normalise, rectify."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return F.relu(self.bn(self.conv(x)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a short cut, as in ResNet-18."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        short = x if self.downsample is None else self.downsample(x)
        return F.relu(short + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class ResNet18(nn.Module):
    """The trunk: features at 1/8 (128 channels), 1/16 (256) and 1/32 (512)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(ResidualBlock(64, 64, 1), ResidualBlock(64, 64, 1))
        self.layer2 = nn.Sequential(ResidualBlock(64, 128, 2), ResidualBlock(128, 128, 1))
        self.layer3 = nn.Sequential(ResidualBlock(128, 256, 2), ResidualBlock(256, 256, 1))
        self.layer4 = nn.Sequential(ResidualBlock(256, 512, 2), ResidualBlock(512, 512, 1))

    def forward(
        self, x: Float[Tensor, "B 3 H W"]
    ) -> tuple[Float[Tensor, "B 128 _ _"], Float[Tensor, "B 256 _ _"], Float[Tensor, "B 512 _ _"]]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        eighth = self.layer2(self.layer1(x))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class AttentionBlock(nn.Module):
    """Weigh channels by what the whole picture holds."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = ConvBlock(channels_in, channels_out)
        self.conv_atten = nn.Conv2d(channels_out, channels_out, 1, bias=False)
        self.bn_atten: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(x.mean((2, 3), keepdim=True))))


class ContextPath(nn.Module):
    """Carry what the whole face says down to 1/8."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionBlock(256, 128)
        self.arm32 = AttentionBlock(512, 128)
        self.conv_head32 = ConvBlock(128, 128)
        self.conv_head16 = ConvBlock(128, 128)
        self.conv_avg = ConvBlock(512, 128, 1)

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B 128 h w"], Float[Tensor, "B 128 h w"]]:
        eighth, sixteenth, coarse = self.resnet(x)
        whole = self.conv_avg(coarse.mean((2, 3), keepdim=True))
        up = F.interpolate(self.arm32(coarse) + whole, size=sixteenth.shape[2:], mode="nearest")
        middle = self.arm16(sixteenth) + self.conv_head32(up)
        return eighth, self.conv_head16(F.interpolate(middle, size=eighth.shape[2:], mode="nearest"))


class FusionBlock(nn.Module):
    """Join detail and context."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = ConvBlock(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, detail: Float[Tensor, "B C H W"], context: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        x = self.convblk(torch.cat([detail, context], dim=1))
        return x + x * torch.sigmoid(self.conv2(F.relu(self.conv1(x.mean((2, 3), keepdim=True)))))


class Output(nn.Module):
    """Read the classes off."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvBlock(256, 256)
        self.conv_out = nn.Conv2d(256, len(CLASSES), 1, bias=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 19 H W"]:
        return self.conv_out(self.conv(x))


class FaceParser(nn.Module):
    """Tell the 19 parts of a face and its surroundings apart.

    Shapes:
        images: (B, 3, H, W) float, RGB less `IMAGE_MEAN` over `IMAGE_STD`; trained on 512 x 512. H, W multiples of 32.
        returns: (B, 19, H/8, W/8) logits in the order of `CLASSES`; enlarge with `align_corners=True`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FusionBlock()
        self.conv_out = Output()

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 19 h w"]:
        return self.conv_out(self.ffm(*self.cp(images)))

    def load_published(self, state: dict[str, Tensor]) -> None:
        """Load the published state dict, of our shapes, any float type; heads that only training used are left out."""
        self.load_state_dict({k: v.float() for k, v in state.items() if not k.startswith(_TRAINING_ONLY)})

    def fuse(self) -> FaceParser:
        """Fold every normalisation into the convolution before it; for inference only. Returns itself."""
        self.eval()
        for block in list(self.modules()):
            for conv, norm in (("conv", "bn"), ("conv1", "bn1"), ("conv2", "bn2"), ("conv_atten", "bn_atten")):
                _fold(block, conv, norm)
            if isinstance(block, nn.Sequential):
                _fold(block, "0", "1")
        return self


def _fold(block: nn.Module, conv_name: str, norm_name: str) -> None:
    conv, norm = getattr(block, conv_name, None), getattr(block, norm_name, None)
    if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        setattr(block, conv_name, fuse_conv_bn_eval(conv, norm))
        setattr(block, norm_name, nn.Identity())
