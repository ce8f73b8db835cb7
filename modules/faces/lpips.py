"""LPIPS over AlexNet: how far apart two pictures are to the eye."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Lpips(nn.Module):
    """Compare pictures by AlexNet's maps, as people judge them.

    Shapes:
        picture, truth: (B, 3, H, W) RGB in [0, 1], at least 32 pixels a side.
        returns: (B,) distances; 0 for equal pictures.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        ]  # fmt: skip
        self.features = nn.Sequential(*layers)
        self.heads = nn.ParameterList(nn.Parameter(torch.zeros(1, c, 1, 1)) for c in (64, 192, 384, 256, 256))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def _levels(self, picture: Tensor) -> list[Tensor]:
        x, out = (picture - self.mean) / self.deviation, []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                out.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return out

    def forward(self, picture: Float[Tensor, "B 3 H W"], truth: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        """Return the distance of every pair."""
        pairs = zip(self._levels(picture), self._levels(truth), self.heads, strict=True)
        parts = [((a - b).square() * head).sum(dim=1).mean(dim=(1, 2)) for a, b, head in pairs]
        return torch.stack(parts).sum(dim=0)


def make_lpips(tensors: Mapping[str, Tensor]) -> Lpips:
    """Build LPIPS v0.1 from the tensors of `lpips_alexnet.safetensors`, of the shapes they have in that file.

    It is frozen: gradients reach the pictures only. RuntimeError when a tensor is of another shape.
    """
    net = Lpips()
    state = {name: value for name, value in tensors.items() if name.startswith("features.")}
    state |= {f"heads.{i}": tensors[f"lin{i}.model.1.weight"] for i in range(5)}
    net.load_state_dict(state, strict=False)
    return net.eval().requires_grad_(False)
