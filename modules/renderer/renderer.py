"""Landmarks and a camera in, pixels out: a head, perhaps a torso behind it, and one decoder for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from modules.renderer.decoder import ConvDecoder, PlainDecoder
from modules.renderer.field import BlendPlaneHead, HeadFrame, Marched
from modules.renderer.landmark_code import POINT_GROUPS, add_noise, landmark_maps
from modules.renderer.scene import Scene
from modules.renderer.torso import TorsoPlane
from modules.renderer.vanilla import VanillaFrame, VanillaHead


class FeatureMap(NamedTuple):
    """Ray features (B, C, h, w), premultiplied, and alpha (B, 1, h, w)."""

    features: Tensor
    alpha: Tensor


class Patch(NamedTuple):
    """What a patch of rays renders to.

    colour: (B, 3, H, W), premultiplied. alpha: (B, 1, H, W). low: what the decoder was given; low_head: the head's
    part of it. low_coarse: (B, 4, h, w) colour and alpha of the coarse steps (a grid has no colour). marches: one per
    frame, and `weights` (B, K) of the bases.
    """

    colour: Tensor
    alpha: Tensor
    low: FeatureMap
    low_head: FeatureMap
    low_coarse: Tensor
    marches: list[Marched]
    weights: Tensor


class Renderer(nn.Module):
    """A head backbone, an optional torso, and a decoder, in one scene.

    Args:
        scene: Facts about the footage.
        head: The backbone.
        upsample: Pixels per ray along each side: 1, 2 or 4. 1 has no decoder.
        decoder_width: Channels inside the decoder.
        landmark_input: Whether the decoder is shown where the landmarks fall.
        torso: The torso, or None.

    Shapes:
        landmarks: (B, W, 68, 3) un-normalised windows.
        world_from_camera: (B, 4, 4).
        uv: (B, h, w, 2) where the rays pass, pixels of the training pictures.
    """

    def __init__(
        self,
        scene: Scene,
        head: BlendPlaneHead | VanillaHead,
        *,
        upsample: int,
        decoder_width: int = 32,
        landmark_input: bool = True,
        torso: TorsoPlane | None = None,
    ) -> None:
        super().__init__()
        self.scene, self.head, self.torso = scene, head, torso
        self.upsample = upsample
        self.landmark_input = landmark_input and upsample > 1
        extra = 3 + (len(POINT_GROUPS) if self.landmark_input else 0)
        self.decoder: ConvDecoder | PlainDecoder = PlainDecoder()
        if upsample > 1:
            self.decoder = ConvDecoder(head.feature_dim, extra, upsample, decoder_width)

    def forward(
        self, landmarks: Tensor, world_from_camera: Tensor, uv: Tensor, *, noise: float = 0.0, jitter: bool = False
    ) -> Patch:
        """Render patches of rays, one per frame, for training."""
        normal = add_noise(self.scene.normalise(landmarks), noise)
        code = self.head.encode(normal)
        middle = normal[:, landmarks.shape[1] // 2] * self.scene.landmarks_std + self.scene.landmarks_mean
        frozen = not any(parameter.requires_grad for parameter in self.head.parameters())
        maps, marches, coarse = [], [], []
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            frames: Sequence[HeadFrame | VanillaFrame] = self.head.frames(code)
        for index, frame in enumerate(frames):
            with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
                features, march, bins = self._cast_rays(frame, world_from_camera[index], uv[index], jitter)
            maps.append(features)
            marches.append(march)
            coarse.append(bins)
        head = FeatureMap(torch.cat([m.features for m in maps]), torch.cat([m.alpha for m in maps]))
        low = self.add_torso(head, uv, world_from_camera)
        extra = self.decoder_extra(middle, world_from_camera, uv) if self.upsample > 1 else None
        colour, alpha = self.decoder(low.features, low.alpha, extra)
        return Patch(colour, alpha, low, head, torch.cat(coarse), marches, code.weights)

    def _cast_rays(
        self, frame: HeadFrame | VanillaFrame, camera: Tensor, uv: Tensor, jitter: bool
    ) -> tuple[FeatureMap, Marched, Tensor]:
        height, width = uv.shape[:2]
        rays, inside = self.scene.rays(uv.reshape(-1, 2), camera)
        march = self.head.march(frame, rays, jitter)  # type: ignore[arg-type]
        whole = march.features.new_zeros(height * width, self.head.feature_dim + 1)
        summed = torch.cat([march.features, march.alpha[:, None]], dim=1)
        image = whole.index_copy(0, inside[march.hits], summed).view(1, height, width, -1).permute(0, 3, 1, 2)
        pixels = march.coarse_pixels
        if pixels is None:
            pixels = torch.nn.functional.pad(march.coarse_alpha[:, None], (3, 0))
        coarse = whole.new_zeros(height * width, 4).index_copy(0, inside, pixels)
        return FeatureMap(image[:, :-1], image[:, -1:]), march, coarse.view(1, height, width, 4).permute(0, 3, 1, 2)

    def add_torso(self, head: FeatureMap, uv: Tensor, world_from_camera: Tensor) -> FeatureMap:
        """Put the torso under the head, if there is one."""
        if self.torso is None:
            return head
        places = 2 * uv / self.scene.size.flip(0) - 1
        pose = self.scene.pose_code(world_from_camera)
        features, alpha = self.torso(places, pose, torch.cat([head.features, head.alpha], dim=1))
        rest = 1 - head.alpha
        return FeatureMap(head.features + rest * features, head.alpha + rest * alpha)

    def decoder_extra(self, landmarks: Tensor, world_from_camera: Tensor, uv: Tensor) -> Tensor:
        """Return what the decoder sees besides features (B, E, h, w): view directions, maps of landmarks.

        Args:
            landmarks: (B, 68, 3) un-normalised, of the frames themselves.
        """
        size = (float(self.scene.size[0]), float(self.scene.size[1]))
        out = []
        for index in range(len(uv)):
            camera, places = world_from_camera[index], uv[index]
            across = (places[..., 0] - size[1] / 2) / self.scene.focal
            down = (size[0] / 2 - places[..., 1]) / self.scene.focal
            view = torch.stack([across, down, -torch.ones_like(down)], dim=-1) @ camera[:3, :3].T
            parts = [torch.nn.functional.normalize(view, dim=-1).permute(2, 0, 1)]
            if self.landmark_input:
                spread = 0.06 * float(self.scene.focal) / float(camera[:3, 3].norm())
                points = self.scene.points(landmarks[index])
                parts.append(
                    landmark_maps(points, camera, places[0, :, 0], places[:, 0, 1], self.scene.focal, size, spread)
                )
            out.append(torch.cat(parts))
        return torch.stack(out)
