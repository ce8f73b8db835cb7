"""Render whole frames fast: cull, march what is left, decode the part of the picture that holds something, shade."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from modules.renderer.field import BlendPlaneHead, Rays
from modules.renderer.landmark_code import FrameCode
from modules.renderer.marcher import HeadMarcher
from modules.renderer.rays import ray_directions, ray_grid
from modules.renderer.renderer import FeatureMap, Renderer
from modules.renderer.vanilla import VanillaHead

if TYPE_CHECKING:
    from modules.renderer.quick import QuickDecoder, QuickPortrait, QuickTorso

CHUNK_RAYS = 2048
"""Rays that the vanilla networks are asked about at once."""
MARGIN = 3
"""Rays around what was hit that are decoded too; it sees twice as far, but nothing there that changes a byte by two."""

INSET_MARGIN = 1
"""The same of an inset, whose mask is nothing along its borders."""
FAINT = 0.02
"""What a mask covers less than this of needs no rays of its own."""


class Inset(NamedTuple):
    """The part of a picture that alone is drawn, to be laid into a true frame; its borders are those of rays.

    top, left, bottom, right: rays. mask: (h, w) in [0, 1], how much of a pixel is to be covered. frame: (h, w, 3) uint8
    what is covered there, and landmarks: (68, 3) of the face in it; a trained portrait alone looks at these two.
    """

    top: int
    left: int
    bottom: int
    right: int
    mask: Tensor
    frame: Tensor
    landmarks: Tensor

    def wider(self, margin: int, rows: int, columns: int) -> tuple[slice, slice]:
        """Return its rows and columns of rays, and some more around it as far as there are any."""
        return (
            slice(max(0, self.top - margin), min(rows, self.bottom + margin)),
            slice(max(0, self.left - margin), min(columns, self.right + margin)),
        )


@functools.cache
def fast_dtype(device: str) -> torch.dtype:
    """Return bfloat16 where the processor multiplies it natively, else float32."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    try:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    except AttributeError:
        native = False
    return torch.bfloat16 if native else torch.float32


def shade(colour: Tensor, alpha: Tensor, backdrop: Tensor) -> Tensor:
    """Lay premultiplied colour (3, H, W) with alpha (1, H, W) over a backdrop (H, W, 3) uint8; returns its kind."""
    mixed = colour.permute(1, 2, 0) * 255 + (1 - alpha.permute(1, 2, 0)) * backdrop
    return (mixed + 0.5).clamp(0, 255).to(torch.uint8)


def _own_arithmetic(method: Callable[..., Any]) -> Callable[..., Any]:
    """Keep autocast away, under which a task is validated: in its bfloat16 a place in the planes is a row too far."""

    @functools.wraps(method)
    def plainly(self: FrameRenderer, *args: Any, **kwargs: Any) -> Any:
        with torch.inference_mode(), torch.autocast(self.uv.device.type, enabled=False):
            return method(self, *args, **kwargs)

    return plainly


class FrameRenderer:
    """Render frames of one renderer, one by one, always the same way.

    Args:
        renderer: In eval mode.
        scale: Size of the result against the training pictures.
        dtype: Arithmetic of the decoder, and without loops of planes and MLP; chosen by the processor when None.
        loops: Whether all but convolutions is done in loops over rays and pixels instead of tensors: the same pictures
            in half the time, on a processor only; there when None.
    """

    def __init__(
        self, renderer: Renderer, *, scale: float = 1.0, dtype: torch.dtype | None = None, loops: bool | None = None
    ) -> None:
        self.renderer, self.scene, self.head = renderer, renderer.scene, renderer.head
        device = self.scene.box.device
        loops = device.type == "cpu" if loops is None else loops
        plain = not isinstance(self.head, BlendPlaneHead)
        self.dtype = torch.float32 if plain else dtype or fast_dtype(str(device))
        self.size = (float(self.scene.size[0]), float(self.scene.size[1]))
        self.height, self.width = (max(1, round(side * scale)) for side in self.size)
        up = renderer.upsample
        self.rows, self.columns = math.ceil(self.height / up), math.ceil(self.width / up)
        self.uv = ray_grid(self.rows, self.columns, up / scale, device=device)
        self.pitch = up / scale
        self.decoder = renderer.decoder
        if up > 1:
            self.decoder = copy.deepcopy(renderer.decoder).to(self.dtype)
            self.decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.portrait = copy.deepcopy(renderer.portrait)
        if self.portrait is not None:
            self.portrait.to(self.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mouth = copy.deepcopy(renderer.mouth)
        if self.mouth is not None:
            self.mouth.to(self.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.torso_part, self.places = self._torso_places()
        self.marcher: HeadMarcher | None = None
        if isinstance(self.head, BlendPlaneHead):
            with torch.autocast(device.type, enabled=False):
                eye = torch.eye(4, device=device)
                directions = ray_directions(self.uv.view(-1, 2), eye, self.scene.focal, self.size)
                shape = (self.rows, self.columns)
                self.marcher = HeadMarcher(self.head, directions, shape, self.dtype, loops=loops)
        self.quick_decoder: QuickDecoder | None = None
        self.quick_portrait: QuickPortrait | None = None
        self.quick_torso: QuickTorso | None = None
        if loops:
            self._make_quick()

    def _make_quick(self) -> None:
        from modules.renderer.quick import QuickDecoder, QuickPortrait, QuickTorso  # numba waits for a picture

        if self.renderer.upsample > 1:
            self.quick_decoder = QuickDecoder(self.renderer, self.uv, self.dtype)
            if self.renderer.portrait is not None:
                self.quick_portrait = QuickPortrait(self.renderer.portrait, self.quick_decoder, self.dtype)
        if self.renderer.torso is not None and self.places.numel():
            self.quick_torso = QuickTorso(self.renderer.torso, self.places[0])

    def twin(self) -> FrameRenderer:
        """Return a renderer of the same person that may be used on another thread; they share the weights."""
        other = copy.copy(self)
        if self.marcher is not None:
            other.marcher = self.marcher.twin()
        return other

    @_own_arithmetic
    def encode(self, windows: Tensor) -> FrameCode:
        """Encode un-normalised windows (B, W, 68, 3)."""
        return self.renderer.head.encode(self.scene.normalise(windows))

    @_own_arithmetic
    def __call__(
        self,
        code: FrameCode,
        index: int,
        landmarks: Tensor,
        camera: Tensor,
        backdrop: Tensor,
        frame_id: Tensor | None = None,
        inset: Inset | None = None,
    ) -> Tensor:
        """Render frame `index` of a batch of codes.

        Args:
            landmarks: (68, 3) un-normalised, of this frame.
            camera: (4, 4) `world_from_camera`.
            backdrop: (H, W, 3) uint8 of the result's size: what is seen behind.
            frame_id: (1,) frame of the footage whose shoulders the torso takes; None guesses them from the pose.
            inset: The part to draw alone, without a torso; `backdrop` has its size.

        Returns:
            (H, W, 3) uint8 RGB; of an inset (h, w, 5): with how much it covers, and how much of a head is drawn there.
        """
        if inset is not None:
            return self._inset(code, index, landmarks, camera, backdrop, inset)
        rays = self._rays(code, index, camera)
        hit = rays[:, -1].view(self.rows, self.columns) > 1e-3
        out = self._behind(camera, backdrop, frame_id)
        if not bool(hit.any()):
            return out
        top, bottom = _extent(hit.any(dim=1), self.rows)
        left, right = _extent(hit.any(dim=0), self.columns)
        box, up = (slice(top, bottom), slice(left, right)), self.renderer.upsample
        y, x = top * up, left * up
        high, wide = min(bottom * up, self.height) - y, min(right * up, self.width) - x
        if self.quick_decoder is not None:
            low = self.quick_decoder.map(rays, box, landmarks, camera)
            self.quick_decoder.lay(low, (slice(0, high), slice(0, wide)), out, out, (y, x))
            return out
        seen = self._image(rays, box)
        extra = self.renderer.decoder_extra(landmarks[None], camera[None], self.uv[box][None]) if up > 1 else None
        colour, alpha = self.decoder(seen.features, seen.alpha, extra)
        behind = out[y : y + high, x : x + wide]
        out[y : y + high, x : x + wide] = shade(colour[0, :, :high, :wide], alpha[0, :, :high, :wide], behind)
        return out

    def _inset(
        self, code: FrameCode, index: int, landmarks: Tensor, camera: Tensor, backdrop: Tensor, inset: Inset
    ) -> Tensor:
        """Render an inset (h, w, 5) uint8: colours, how much they cover, and how much of a head is there."""
        if not inset.mask.numel():
            return backdrop.new_zeros(0, 0, 5)
        drawn, low, uv = self.drawn(code, index, landmarks, camera, backdrop, inset)
        mask = inset.mask
        if self.quick_portrait is not None:
            rays = slice(inset.top, inset.bottom), slice(inset.left, inset.right)
            rest = inset.frame.contiguous(), mask.contiguous(), inset.landmarks, camera
            matched = self.quick_portrait.match(drawn, low[0].permute(1, 2, 0), rays, *rest)
            self._finer_mouth(matched[..., :3], landmarks, camera, inset)
            return matched
        if self.portrait is not None:
            colour, covers = self.renderer.matched(
                self.portrait,
                (drawn.float() / 255).permute(2, 0, 1)[None],
                (inset.frame.float() / 255).permute(2, 0, 1)[None],
                inset.mask[None, None],
                low,
                self.renderer.covered_maps(inset.landmarks[None], camera[None], uv),
            )
            drawn = (colour[0].permute(1, 2, 0) * 255 + 0.5).clamp(0, 255).to(torch.uint8)
            self._finer_mouth(drawn, landmarks, camera, inset)
            mask = covers[0, 0]
        alpha = low[:, self.head.feature_dim, None].float()
        solid = self._enlarged(-F.max_pool2d(-alpha, 3, stride=1, padding=1))[0, 0]
        shares = torch.stack([mask, solid.clamp(0, 1)], dim=-1)
        return torch.cat([drawn, (255 * shares + 0.5).to(torch.uint8)], dim=-1)

    def _finer_mouth(self, drawn: Tensor, landmarks: Tensor, camera: Tensor, inset: Inset) -> None:
        """Draw what is between the lips finer in an inset (h, w, 3) uint8."""
        if self.mouth is None:
            return
        up = self.renderer.upsample
        left, top, pitch = inset.left * up, inset.top * up, self.pitch / up
        place = self.renderer.mouth_part(landmarks, camera, (left, top), pitch, (drawn.shape[0], drawn.shape[1]))
        if place is not None:
            part, corner = drawn[place], (left + place[1].start, top + place[0].start)
            colour = (part.float() / 255).permute(2, 0, 1)
            colour = self.renderer.finer_mouth(self.mouth, colour, landmarks, camera, corner, pitch)
            part.copy_((colour.permute(1, 2, 0) * 255 + 0.5).clamp(0, 255).to(torch.uint8))

    def _enlarged(self, rays: Tensor) -> Tensor:
        """Bring a map of rays (1, C, h, w) to the size of the pixels."""
        up = self.renderer.upsample
        return rays if up == 1 else F.interpolate(rays, scale_factor=up, mode="bilinear", align_corners=False)

    @_own_arithmetic
    def drawn(
        self, code: FrameCode, index: int, landmarks: Tensor, camera: Tensor, backdrop: Tensor, inset: Inset
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Render the head in an inset, before it is matched to the frame; the arguments are those of a call.

        Returns:
            (h, w, 3) uint8 over the backdrop; (1, E, h / up, w / up) the rays' features, their alpha and what the
            decoder sees beside them; (1, h / up, w / up, 2) where the rays pass.
        """
        up = self.renderer.upsample
        part = inset.wider(INSET_MARGIN, self.rows, self.columns)
        whole = self._rays(code, index, camera, self._wanted(inset))
        uv = self.uv[part][None]
        top, left = inset.top - part[0].start, inset.left - part[1].start
        rays = (slice(top, top + inset.bottom - inset.top), slice(left, left + inset.right - inset.left))
        pixels = (slice(rays[0].start * up, rays[0].stop * up), slice(rays[1].start * up, rays[1].stop * up))
        if self.quick_decoder is not None:
            low = self.quick_decoder.map(whole, part, landmarks, camera)
            picture, backdrop = torch.empty_like(backdrop), backdrop.contiguous()
            self.quick_decoder.lay(low, pixels, backdrop, picture, (0, 0))
            return picture, low[rays].permute(2, 0, 1)[None], uv[:, *rays]
        seen = list(self._image(whole, part))
        extra = self.renderer.decoder_extra(landmarks[None], camera[None], uv) if up > 1 else None
        colour, solid = self.decoder(*seen, extra)
        picture = shade(colour[0][:, *pixels], solid[0][:, *pixels], backdrop)
        if extra is not None:
            seen.append(extra)
        return picture, torch.cat(seen, dim=1)[..., *rays].float(), uv[:, *rays]

    def _torso_places(self) -> tuple[tuple[slice, slice], Tensor]:
        """Return the part of the result that the torso can reach, and where its pixels lie, (1, h, w, 2)."""
        if self.renderer.torso is None:
            return (slice(0), slice(0)), self.uv
        left, top, right, bottom = self.renderer.torso.box()
        rows = slice(math.floor((top + 1) / 2 * self.height), math.ceil((bottom + 1) / 2 * self.height))
        columns = slice(math.floor((left + 1) / 2 * self.width), math.ceil((right + 1) / 2 * self.width))
        pixels = ray_grid(self.height, self.width, self.pitch / self.renderer.upsample, device=self.uv.device)
        return (rows, columns), (2 * pixels / self.scene.size.flip(0) - 1)[None, rows, columns]

    def _behind(self, camera: Tensor, backdrop: Tensor, frame_id: Tensor | None) -> Tensor:
        """Return a copy of the backdrop with the torso before it."""
        out = backdrop.clone()
        if self.quick_torso is not None:
            code = self.renderer.torso.code(self.scene.pose_code(camera[None]), frame_id)  # type: ignore[union-attr]
            self.quick_torso.lay(code, out, tuple(side.start for side in self.torso_part))
        elif self.renderer.torso is not None and self.places.numel():
            colour, alpha = self.renderer.bare(self.places, camera[None], frame_id)
            out[self.torso_part] = shade(colour[0], alpha[0], backdrop[self.torso_part])
        return out

    def _wanted(self, inset: Inset) -> Tensor:
        """Return which rays (rows * columns,) bool what is shown of an inset depends on."""
        covered = F.max_pool2d(inset.mask[None].float(), self.renderer.upsample)[0] > FAINT
        whole = torch.zeros(1, self.rows, self.columns, device=inset.mask.device)
        whole[0, inset.top : inset.bottom, inset.left : inset.right] = covered
        return F.max_pool2d(whole, 2 * INSET_MARGIN + 1, stride=1, padding=INSET_MARGIN)[0].flatten() > 0

    def _rays(self, code: FrameCode, index: int, camera: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Cast the rays of the picture, or those that are wanted, (rows * columns,) bool; the others hit nothing.

        Returns:
            (rows * columns, C + 1) features and alpha.
        """
        if self.marcher is not None:
            return self.marcher(code, index, camera, wanted)
        return self._vanilla(code, index, camera, wanted)

    def _image(self, rays: Tensor, part: tuple[slice, slice]) -> FeatureMap:
        """Return a part of the rays as a map."""
        image = rays.view(1, self.rows, self.columns, -1)[:, *part].permute(0, 3, 1, 2)
        return FeatureMap(image[:, :-1], image[:, -1:])

    def _vanilla(self, code: FrameCode, index: int, camera: Tensor, wanted: Tensor | None) -> Tensor:
        assert isinstance(self.head, VanillaHead)
        frame = self.head.frame(code, index)
        uv = self.uv.view(-1, 2)
        rays, inside = self.scene.rays(uv if wanted is None else uv[wanted], camera)
        if wanted is not None:
            inside = wanted.nonzero()[inside, 0]
        whole = self.uv.new_zeros(self.rows * self.columns, self.head.feature_dim + 1)
        for part in torch.arange(len(inside), device=inside.device).split(CHUNK_RAYS):
            bundle = Rays(rays.origin, rays.directions[part], rays.near[part], rays.far[part])
            march = self.head.march(frame, bundle, False)
            whole[inside[part]] = torch.cat([march.features, march.alpha[:, None]], dim=1)
        return whole


def _extent(hit: Tensor, limit: int) -> tuple[int, int]:
    """Return first and last + 1 of the true entries, widened by `MARGIN` and cut at the ends."""
    places = hit.nonzero()
    return max(0, int(places[0]) - MARGIN), min(limit, int(places[-1]) + 1 + MARGIN)
