"""Decoder, portrait and torso on a processor, one picture at a time: torch convolves, loops do what lies around it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from modules.renderer.decoder import ConvDecoder
from modules.renderer.landmark_code import POINT_GROUPS
from modules.renderer.layers.portrait import OPEN, STEEP, PortraitLayer
from modules.renderer.layers.torso import BORDER, REACH, TorsoLayer
from modules.renderer.loops.matching import fill_around, finish
from modules.renderer.loops.pixels import draw_dots, fill_map, lay_decoded, lay_torso
from modules.renderer.rays import project
from modules.renderer.renderer import SEEN_BELOW, Renderer, spread_of_dots

POINT = np.array([point for points in POINT_GROUPS for point in points])
GROUP = np.array([group for group, points in enumerate(POINT_GROUPS) for _ in points])
"""The map in which each of `POINT` is drawn."""


class QuickDecoder:
    """Do what a renderer's `ConvDecoder` does, and lay it over a picture.

    Args:
        renderer: In eval mode.
        uv: (rows, columns, 2) where the rays of the picture pass, pixels of the training pictures.
        dtype: Arithmetic of the convolutions.
    """

    def __init__(self, renderer: Renderer, uv: Tensor, dtype: torch.dtype) -> None:
        assert isinstance(renderer.decoder, ConvDecoder)
        self.scene, self.up = renderer.scene, renderer.upsample
        self.focal, self.height, self.width = (
            np.float32(float(x)) for x in (self.scene.focal, self.scene.size[0], self.scene.size[1])
        )
        self.rows, self.columns = uv[:, 0, 1].contiguous().numpy(), uv[0, :, 0].contiguous().numpy()
        self.groups = len(POINT_GROUPS) if renderer.landmark_input else 0
        self.alpha = renderer.head.feature_dim
        net = copy.deepcopy(renderer.decoder).to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net: ConvDecoder = net
        for layer in net.rise:
            if isinstance(layer, torch.nn.Conv2d):  # so that a pixel's four lie in rows: enlarging copies rows
                assert layer.bias is not None
                for values in (layer.weight.data, layer.bias.data):
                    values.copy_(values.unflatten(0, (-1, 4)).transpose(0, 1).flatten(0, 1).clone())

    def map(self, rays: Tensor, part: tuple[slice, slice], landmarks: Tensor, camera: Tensor) -> Tensor:
        """Return what the decoder is shown, (h, w, E): features, alpha, `Renderer.decoder_extra`.

        Args:
            rays: (P, C + 1) features and alpha of all rays of the picture.
            part: Rows and columns of rays.
            landmarks: (68, 3) un-normalised. camera: (4, 4).
        """
        points, chosen = np.empty((0, 2), np.float32), GROUP[:0]
        if self.groups:
            points, chosen = self.dots(landmarks, camera), GROUP
        rows, columns = self.rows[part[0]], self.columns[part[1]]
        out = torch.empty(len(rows), len(columns), rays.shape[1] + 3 + self.groups)
        fill_map(
            rays.numpy(), len(self.columns), part[0].start, part[1].start, columns, rows, camera.numpy(), self.focal,
            self.height, self.width, points, chosen, self.groups,
            self.spread(camera), out.numpy(),
        )  # fmt: skip
        return out

    def dots(self, landmarks: Tensor, camera: Tensor) -> NDArray[Any]:
        """Return where landmarks (68, 3) fall, (N, 2) pixels of the training pictures, in the order of `GROUP`."""
        size = (float(self.height), float(self.width))
        return np.asarray(project(self.scene.points(landmarks), camera, float(self.focal), size).numpy()[POINT])

    def spread(self, camera: Tensor) -> np.float32:
        """Return the deviation of the dots that landmarks are drawn as, pixels."""
        return np.float32(spread_of_dots(float(self.focal), camera))

    def lay(
        self, low: Tensor, decoded: tuple[slice, slice], behind: Tensor, out: Tensor, corner: tuple[int, int]
    ) -> None:
        """Decode a map (h, w, E) and lay a part of the pixels over a picture.

        Args:
            decoded: Rows and columns of the decoded picture.
            behind: (H, W, 3) uint8; out: the same, may be the same tensor.
            corner: Row and column in them of the first pixel.
        """
        rows, columns = decoded
        lay_decoded(
            self._convolved(low).numpy(), low.numpy(), self.alpha, self.up, rows.start, columns.start,
            rows.stop - rows.start, columns.stop - columns.start, behind.numpy(), out.numpy(), *corner,
        )  # fmt: skip

    def _convolved(self, low: Tensor) -> Tensor:
        """Return what the last convolution gives, (h * up / 2, w * up / 2, 16)."""
        x = low.permute(2, 0, 1)[None].to(self.net.enter.weight.dtype)
        x = self.net.enter(x).relu_()
        for layer in self.net.body:
            x = layer(x).relu_().add_(x)
        for layer in self.net.rise:
            if isinstance(layer, torch.nn.Conv2d):
                x = layer(x).relu_()[0].permute(1, 2, 0)
                height, width, channels = x.shape
                x = x.reshape(height, width, 2, channels // 2).transpose(1, 2)
                x = x.reshape(2 * height, 2 * width, channels // 4).permute(2, 0, 1)[None]
        return self.net.leave(x)[0].permute(1, 2, 0).float().contiguous()  # type: ignore[no-any-return]


class QuickPortrait:
    """Do what `Renderer.matched` does with a portrait, to bytes.

    Args:
        layer: In eval mode; its weights are copied.
        decoder: Of the same renderer.
        dtype: Arithmetic of the convolutions.
    """

    def __init__(self, layer: PortraitLayer, decoder: QuickDecoder, dtype: torch.dtype) -> None:
        self.layer = copy.deepcopy(layer).to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.decoder = decoder

    def match(
        self, drawn: Tensor, low: Tensor, rays: tuple[slice, slice], frame: Tensor, mask: Tensor, covered: Tensor,
        camera: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return a lower face (H, W, 5) uint8: colours, how much they cover, and how much of a head was drawn there.

        Args:
            drawn, frame: (H, W, 3) uint8, contiguous. mask: (H, W) in [0, 1].
            low: (h, w, E) as `QuickDecoder.map` gives it, of the same part.
            rays: Which rows and columns of the picture's rays these are.
            covered: (68, 3) landmarks of the frame. camera: (4, 4).
        """
        up, quick, extra = self.layer.upsample, self.decoder, low.shape[2]
        begin = 7 * up**2 + extra
        shown = np.empty((*low.shape[:2], begin + len(POINT_GROUPS)), np.float32)
        fill_around(drawn.numpy(), frame.numpy(), mask.numpy(), np.float32(SEEN_BELOW), up, low.numpy(), shown)
        columns, rows, dots = quick.columns[rays[1]], quick.rows[rays[0]], quick.dots(covered, camera)
        draw_dots(columns, rows, dots, GROUP, len(POINT_GROUPS), quick.spread(camera), begin, shown)
        change, cover = self._convolved(torch.from_numpy(shown).permute(2, 0, 1)[None])
        out = torch.empty(*mask.shape, 5, dtype=torch.uint8)
        finish(drawn.numpy(), change, cover, mask.numpy(), low.numpy()[..., quick.alpha], up, out.numpy())
        return out

    def _convolved(self, shown: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the change of colours (h, w, 3 * up^2) and the mask's logits (h / 2, w / 2)."""
        layer = self.layer
        x = layer.enter(shown.to(layer.enter.weight.dtype)).relu_()
        below = layer.down(x).relu_()
        for inner in layer.below:
            below = inner(below).relu_().add_(below)
        x = x.add_(F.pixel_shuffle(layer.up(below), 2))
        x = layer.after(x).relu_().add_(x)
        change = layer.leave(x)[0].permute(1, 2, 0).float().contiguous()
        cover = OPEN + STEEP * layer.cover(below)[0, 0].float()
        return change.numpy(), cover.contiguous().numpy()


class QuickTorso:
    """Do what a `TorsoLayer` does, and lay it over a picture.

    Args:
        places: (h, w, 2) of the pixels it is laid over, [-1, 1] across the frame.
    """

    def __init__(self, layer: TorsoLayer, places: Tensor) -> None:
        self.layer = layer
        self.columns, self.rows = places[0, :, 0].contiguous().numpy(), places[:, 0, 1].contiguous().numpy()
        self.texture = layer.texture.detach()[0].permute(1, 2, 0).contiguous().numpy()
        self.changes = layer.changes.detach().permute(0, 2, 3, 1).contiguous()

    def lay(self, code: Tensor, out: Tensor, corner: tuple[int, int]) -> None:
        """Lay the torso that a code (1, D) drives over a picture (H, W, 3) uint8, its first pixel at a corner of it."""
        hidden = self.layer.drive(code)
        lattice = torch.tanh(self.layer.bend(hidden)).view(2, self.layer.lattice, self.layer.lattice)
        changes = (self.layer.blend(hidden) @ self.changes.flatten(1)).view(self.changes.shape[1:])
        lay_torso(
            lattice.permute(1, 2, 0).contiguous().numpy(), np.float32(REACH), self.texture, changes.numpy(),
            np.float32(BORDER), self.columns, self.rows, out.numpy(), *corner,
        )  # fmt: skip
