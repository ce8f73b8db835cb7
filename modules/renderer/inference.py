"""Render whole frames fast: cull, march what is left, decode the part of the picture that holds something, shade."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from modules.renderer.field import BlendPlaneHead, HeadFrame, Rays, coarse_weights, head_taps
from modules.renderer.landmark_code import FrameCode
from modules.renderer.rays import box_span, project, ray_directions, ray_grid
from modules.renderer.renderer import FeatureMap, Renderer

CHUNK_SAMPLES = 131_072
"""Larger buffers are handed back to the system after every use, and page faults then cost more than the arithmetic."""
MARGIN = 6
"""Rays around what was hit that are decoded too: as far as the decoder sees."""


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


class FrameRenderer:
    """Render frames of one renderer, one by one, always the same way.

    Args:
        renderer: In eval mode.
        scale: Size of the result against the training pictures.
        compile: Compile the three elementwise kernels; a warm-up of about half a minute, and needs a C++ compiler.
        dtype: Arithmetic of planes, MLP and decoder; chosen by the processor when None.
    """

    def __init__(
        self, renderer: Renderer, *, scale: float = 1.0, compile: bool = False, dtype: torch.dtype | None = None
    ) -> None:
        self.renderer, self.scene, self.head = renderer, renderer.scene, renderer.head
        device = self.scene.box.device
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
        self.head.refresh()
        self.torso_part, self.places = self._torso_places()
        self.shade: Callable[[Tensor, Tensor, Tensor], Tensor] = shade
        if isinstance(self.head, BlendPlaneHead):
            make = functools.partial(torch.compile, dynamic=True) if compile else (lambda f: f)
            self.head.taps, self.head.march_coarse = make(head_taps), make(coarse_weights)
            self.shade = make(shade)

    @torch.inference_mode()
    def encode(self, windows: Tensor) -> FrameCode:
        """Encode un-normalised windows (B, W, 68, 3)."""
        return self.renderer.head.encode(self.scene.normalise(windows))

    @torch.inference_mode()
    def __call__(
        self,
        code: FrameCode,
        index: int,
        landmarks: Tensor,
        camera: Tensor,
        backdrop: Tensor,
        frame_id: Tensor | None = None,
    ) -> Tensor:
        """Render frame `index` of a batch of codes.

        Args:
            landmarks: (68, 3) un-normalised, of this frame.
            camera: (4, 4) `world_from_camera`.
            backdrop: (H, W, 3) uint8 of the result's size: what is seen behind.
            frame_id: (1,) frame of the footage whose shoulders the torso takes; None guesses them from the pose.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        low = self._head(code, index, camera)
        hit = low.alpha[0, 0] > 1e-3
        out = self._behind(camera, backdrop, frame_id)
        if not bool(hit.any()):
            return out
        top, bottom = _extent(hit.any(dim=1), self.rows)
        left, right = _extent(hit.any(dim=0), self.columns)
        box = (slice(top, bottom), slice(left, right))
        extra = None
        if self.renderer.upsample > 1:
            extra = self.renderer.decoder_extra(landmarks[None], camera[None], self.uv[box][None])
        colour, alpha = self.decoder(low.features[..., *box], low.alpha[..., *box], extra)
        up = self.renderer.upsample
        y, x = top * up, left * up
        high, wide = min(bottom * up, self.height) - y, min(right * up, self.width) - x
        behind = out[y : y + high, x : x + wide]
        out[y : y + high, x : x + wide] = self.shade(colour[0, :, :high, :wide], alpha[0, :, :high, :wide], behind)
        return out

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
        if self.renderer.torso is not None and self.places.numel():
            colour, alpha = self.renderer.bare(self.places, camera[None], frame_id)
            out[self.torso_part] = self.shade(colour[0], alpha[0], backdrop[self.torso_part])
        return out

    def _head(self, code: FrameCode, index: int, camera: Tensor) -> FeatureMap:
        frame = self.head.frame(code, index, self.dtype)
        rays, inside = self._culled_rays(frame, camera)
        whole = self.uv.new_zeros(self.rows * self.columns, self.head.feature_dim + 1)
        step = max(1, CHUNK_SAMPLES // max(self.head.samples, self.head.fine_samples))
        if not isinstance(self.head, BlendPlaneHead):
            step = 2048
        for start in range(0, len(inside), step):
            part = slice(start, start + step)
            some = Rays(rays.origin, rays.directions[part], rays.near[part], rays.far[part])
            march = self.head.march(frame, some, False)  # type: ignore[arg-type]
            whole[inside[part][march.hits]] = torch.cat([march.features, march.alpha[:, None]], dim=1)
        image = whole.view(1, self.rows, self.columns, -1).permute(0, 3, 1, 2)
        return FeatureMap(image[:, :-1], image[:, -1:])

    def _culled_rays(self, frame: object, camera: Tensor) -> tuple[Rays, Tensor]:
        index = torch.arange(self.rows * self.columns, device=self.uv.device)
        if isinstance(frame, HeadFrame):
            index = self._seen(frame, camera).flatten().nonzero()[:, 0]
        uv = self.uv.view(-1, 2)[index]
        directions = ray_directions(uv, camera, self.scene.focal, self.size)
        origin = camera[:3, 3]
        near, far = box_span(origin, directions, self.scene.box)
        keep = (far > near + 1e-3).nonzero()[:, 0]
        return Rays(origin, directions[keep], near[keep], far[keep]), index[keep]

    def _seen(self, frame: HeadFrame, camera: Tensor) -> Tensor:
        """Return (rows, columns) bool: the 4 x 4 blocks of rays near to which an occupied part of the grid projects."""
        assert isinstance(self.head, BlendPlaneHead)
        centres, radius = self.head.occupied(frame)
        high, wide = math.ceil(self.rows / 4), math.ceil(self.columns / 4)
        seen = torch.zeros(1, 1, high, wide, device=camera.device)
        if len(centres):
            uv = project(centres, camera, self.scene.focal, self.size) / (4 * self.pitch)
            nearest = float((camera[:3, 3] - centres).norm(dim=-1).amin()) - radius
            reach = radius * float(self.scene.focal) / max(nearest, 1e-3) / (4 * self.pitch)
            around = math.ceil(reach)
            x, y = (uv[:, 0].long().clamp(0, wide - 1), uv[:, 1].long().clamp(0, high - 1))
            seen[0, 0, y, x] = 1
            seen = F.max_pool2d(seen, 2 * around + 1, stride=1, padding=around)
        blocks = seen[0, 0].repeat_interleave(4, 0).repeat_interleave(4, 1)
        return blocks[: self.rows, : self.columns] > 0


def _extent(hit: Tensor, limit: int) -> tuple[int, int]:
    """Return first and last + 1 of the true entries, widened by `MARGIN` and cut at the ends."""
    found = hit.nonzero()
    return max(0, int(found[0]) - MARGIN), min(limit, int(found[-1]) + 1 + MARGIN)
