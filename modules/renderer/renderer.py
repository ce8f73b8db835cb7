"""Landmarks and a camera in, pixels out: a head, its decoder, and perhaps a torso behind it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from modules.renderer.decoder import ConvDecoder, PlainDecoder
from modules.renderer.field import BlendPlaneHead, HeadFrames, Marched
from modules.renderer.landmark_code import POINT_GROUPS, add_noise, landmark_maps
from modules.renderer.layers.mouth import LOWER, SHUT, UPPER, MouthLayer, Opening, on_plane
from modules.renderer.layers.portrait import PortraitLayer
from modules.renderer.layers.torso import TorsoLayer
from modules.renderer.rays import project, ray_directions, ray_grid
from modules.renderer.scene import Scene
from modules.renderer.vanilla import VanillaFrames, VanillaHead

SEEN_BELOW = 0.02
"""What a mask covers less than this of is shown to a portrait."""
MOUTH_MARGIN = 8
"""Pixels around the inner lips that what draws the mouth finer sees."""
NEAREST = 1e-3
"""Distance of a camera from the head at which landmarks are drawn largest: one in the head itself sees nothing."""


def spread_of_dots(focal: float, camera: Tensor) -> float:
    """Return the deviation in pixels of the dots that landmarks are drawn as, seen from a camera (4, 4)."""
    return 0.06 * focal / max(float(camera[:3, 3].norm()), NEAREST)


class FeatureMap(NamedTuple):
    """Ray features (B, C, h, w), premultiplied, and alpha (B, 1, h, w)."""

    features: Tensor
    alpha: Tensor


class Heads(NamedTuple):
    """The heads of B frames: landmarks (B, 68, 3) un-normalised, blend weights (B, K), and what rays are asked of."""

    landmarks: Tensor
    weights: Tensor
    frames: HeadFrames | VanillaFrames


class Patch(NamedTuple):
    """What a patch of rays renders to.

    colour: (B, 3, H, W), premultiplied. alpha: (B, 1, H, W). low: the head's rays, which the decoder was given.
    low_coarse: (B, 4, h, w) colour and alpha of the coarse steps (a grid has no colour). march: of the rays
    of all frames.
    """

    colour: Tensor
    alpha: Tensor
    low: FeatureMap
    low_coarse: Tensor
    march: Marched


class Renderer(nn.Module):
    """A head backbone with a decoder, and an optional torso, in one scene.

    Args:
        scene: Facts about the footage.
        head: The backbone.
        upsample: Pixels per ray along each side: 1, 2 or 4. 1 has no decoder.
        decoder_width: Channels inside the decoder.
        landmark_input: Whether the decoder is shown where the landmarks fall.
        torso: The torso, or None.
        portrait: What matches the lower face to a true frame, or None.
        mouth: What draws the inside of a portrait's mouth finer, or None.

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
        torso: TorsoLayer | None = None,
        portrait: PortraitLayer | None = None,
        mouth: MouthLayer | None = None,
    ) -> None:
        super().__init__()
        self.scene, self.head, self.torso, self.portrait, self.mouth = scene, head, torso, portrait, mouth
        self.upsample = upsample
        self.landmark_input = landmark_input and upsample > 1
        extra = 3 + (len(POINT_GROUPS) if self.landmark_input else 0)
        self.decoder: ConvDecoder | PlainDecoder = PlainDecoder()
        if upsample > 1:
            self.decoder = ConvDecoder(head.feature_dim, extra, upsample, decoder_width)

    def forward(
        self,
        landmarks: Float[Tensor, "B window 68 3"],
        world_from_camera: Float[Tensor, "B 4 4"],
        uv: Float[Tensor, "B h w 2"],
        *,
        noise: float = 0.0,
        jitter: bool = False,
    ) -> Patch:
        """Render the head in patches of rays, one per frame, for training.

        Args:
            landmarks, world_from_camera, uv: See the class.
            noise: Training noise on the landmarks, in their deviations.
            jitter: Whether samples on a ray are random.
        """
        return self.patch(self.heads(landmarks, noise), world_from_camera, uv, jitter=jitter)

    def heads(self, landmarks: Float[Tensor, "B window 68 3"], noise: float = 0.0) -> Heads:
        """Work out what all rays of a frame share, for training; see `forward`."""
        normal = add_noise(self.scene.normalise(landmarks), noise)
        code = self.head.encode(normal)
        middle = normal[:, landmarks.shape[1] // 2] * self.scene.landmarks_std + self.scene.landmarks_mean
        return Heads(middle, code.weights, self.head.frames(code))

    def patch(
        self,
        heads: Heads,
        world_from_camera: Float[Tensor, "B 4 4"],
        uv: Float[Tensor, "B h w 2"],
        *,
        jitter: bool = False,
        generator: torch.Generator | None = None,
    ) -> Patch:
        """Render heads in patches of rays; see `forward`. What is random is drawn from `generator`, or torch's own."""
        height, width = uv.shape[1:3]
        cast = [
            self.scene.rays(places.reshape(-1, 2), camera) for places, camera in zip(uv, world_from_camera, strict=True)
        ]
        march = self.head.march_frames(heads.frames, [rays for rays, _ in cast], jitter, generator)  # type: ignore[arg-type]
        inside = torch.cat([index + frame * height * width for frame, (_, index) in enumerate(cast)])
        summed = torch.cat([march.features, march.alpha[:, None]], dim=1)
        pixels = march.coarse_pixels
        if pixels is None:
            pixels = torch.nn.functional.pad(march.coarse_alpha[:, None], (3, 0))

        def image(places: Tensor, values: Tensor) -> Tensor:
            whole = values.new_zeros(len(uv) * height * width, values.shape[1])
            return whole.index_copy(0, places, values).view(len(uv), height, width, -1).permute(0, 3, 1, 2)

        rays = image(inside[march.hits], summed)
        low = FeatureMap(rays[:, :-1], rays[:, -1:])
        extra = self.decoder_extra(heads.landmarks, world_from_camera, uv) if self.upsample > 1 else None
        colour, alpha = self.decoder(low.features, low.alpha, extra)
        return Patch(colour, alpha, low, image(inside, pixels), march)

    def pixels(self, uv: Float[Tensor, "B h w 2"]) -> Float[Tensor, "B H W 2"]:
        """Return where the pixels of ray patches (B, h, w, 2) lie: (B, H, W, 2), [-1, 1] across the frame."""
        places = 2 * uv / self.scene.size.flip(0) - 1
        up = self.upsample
        if up == 1:
            return places
        inside = (torch.arange(up, device=uv.device) + 0.5) / up - 0.5
        step = 2 * up / self.scene.size.flip(0)
        across = (places[:, :1, :, 0, None] + inside * step[0]).flatten(2)
        down = (places[:, :, 0, 1, None] + inside * step[1]).flatten(1)[:, :, None]
        return torch.stack(torch.broadcast_tensors(across, down), dim=-1)

    def bare(self, places: Tensor, world_from_camera: Tensor, frame_ids: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the torso alone: colour (B, 3, H, W), premultiplied, and alpha (B, 1, H, W).

        Args:
            places: (B, H, W, 2) as `pixels` gives them.
            world_from_camera: (B, 4, 4).
            frame_ids: (B,) frames of the footage whose shoulders are shown; None guesses them from the pose.
        """
        assert self.torso is not None
        return self.torso(places, self.torso.code(self.scene.pose_code(world_from_camera), frame_ids))  # type: ignore[no-any-return]

    def covered_maps(self, landmarks: Tensor, world_from_camera: Tensor, uv: Tensor) -> Tensor:
        """Return maps (B, groups, h, w) of where the landmarks (B, 68, 3) of the face that is covered fall."""
        return torch.stack(
            [self._maps(*frame) for frame in zip(landmarks, world_from_camera, uv, strict=True)]
        )

    @staticmethod
    def matched(
        portrait: PortraitLayer, drawn: Tensor, frame: Tensor, mask: Tensor, low: Tensor, covered: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let a portrait match what is drawn to the frame it is laid into.

        Args:
            portrait: The layer, of any arithmetic.
            drawn, frame: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1]; where it is more than `SEEN_BELOW`, the frame is not looked at.
            low: (B, E, h, w) ray features, their alpha and what the decoder sees beside them.
            covered: (B, groups, h, w) as `covered_maps` gives them.

        Returns:
            colour (B, 3, H, W) in [0, 1], and how much of the frame it covers (B, 1, H, W), within `mask`.
        """
        hole = (mask > SEEN_BELOW).to(frame.dtype)
        around = torch.cat([frame * (1 - hole), hole], dim=1)
        colour, covers = portrait(drawn, around, torch.cat([low, covered], dim=1))
        return colour, covers * mask

    def opening(self, landmarks: Tensor, world_from_camera: Tensor, pixels: Tensor) -> Opening:
        """Return where pixels (B, h, w, 2), of the training pictures, and landmarks (B, 68, 3) lie before a mouth."""
        scene, size = self.scene, (float(self.scene.size[0]), float(self.scene.size[1]))
        usual = scene.points(scene.landmarks_mean)
        depth = usual[UPPER + LOWER, 2].mean()
        places, lips = [], []
        for points, camera, uv in zip(scene.points(landmarks), world_from_camera, pixels, strict=True):
            eye = camera[:3, 3]
            places.append(on_plane(eye + ray_directions(uv, camera, scene.focal, size), eye, depth))
            lips.append(on_plane(points, eye, depth))
        return Opening(torch.stack(places), torch.stack(lips), usual[:, :2])

    def mouth_part(
        self, landmarks: Tensor, camera: Tensor, corner: tuple[int, int], pitch: float, shape: tuple[int, int]
    ) -> tuple[slice, slice] | None:
        """Return the rows and columns of a part of a picture where a mouth stands open; None where it does nowhere.

        Args:
            landmarks: (68, 3) un-normalised. camera: (4, 4).
            corner: Left and top of the part, pixels. pitch: How far these are apart in the training pictures.
            shape: Height and width of the part.
        """
        points, size = self.scene.points(landmarks), (float(self.scene.size[0]), float(self.scene.size[1]))
        if not (points[UPPER, 1] - points[LOWER, 1]).max() > SHUT:
            return None
        lips = project(points[UPPER + LOWER], camera, self.scene.focal, size) / pitch - torch.tensor(corner).to(points)
        low = (lips.amin(dim=0).floor().long() - MOUTH_MARGIN).tolist()
        high = (lips.amax(dim=0).ceil().long() + MOUTH_MARGIN).tolist()
        columns, rows = (slice(max(0, a), min(b, side)) for a, b, side in zip(low, high, shape[::-1], strict=True))
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None

    def finer_mouth(
        self,
        mouth: MouthLayer,
        colour: Tensor,
        landmarks: Tensor,
        camera: Tensor,
        corner: tuple[int, int],
        pitch: float,
    ) -> Tensor:
        """Draw what is between the lips finer in a part (3, h, w) of a picture, [0, 1]; see `mouth_part`."""
        begin = torch.tensor(corner, device=colour.device)
        pixels = ray_grid(colour.shape[1], colour.shape[2], pitch, device=colour.device) + pitch * begin
        return mouth(colour[None], self.opening(landmarks[None], camera[None], pixels[None]))[0]  # type: ignore[no-any-return]

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
                parts.append(self._maps(landmarks[index], camera, places))
            out.append(torch.cat(parts))
        return torch.stack(out)

    def _maps(self, landmarks: Tensor, camera: Tensor, places: Tensor) -> Tensor:
        """Return maps (groups, h, w) of where landmarks (68, 3) fall among rays (h, w, 2)."""
        size = (float(self.scene.size[0]), float(self.scene.size[1]))
        spread = spread_of_dots(float(self.scene.focal), camera)
        points = self.scene.points(landmarks)
        return landmark_maps(points, camera, places[0, :, 0], places[:, 0, 1], self.scene.focal, size, spread)
