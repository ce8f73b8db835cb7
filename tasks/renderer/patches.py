"""Draw patches of frames to train a renderer on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_gen.video.dataset import Split
from tasks.renderer.footage import Footage
from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.faces.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE
from utils.metrics import points_box
from utils.rates import FPS

MARGIN = 2
"""Rays at the inner borders of a patch that count for nothing: the decoder sees too little there."""


class PatchBatch(NamedTuple):
    """Patches of B frames, each of h x w rays and H x W pixels.

    frame_ids (B,); landmarks (B, W, 68, 3) windows; world_from_camera (B, 4, 4); uv (B, h, w, 2) pixels;
    target, backdrop (B, 3, H, W) uint8: the frame, and the same without the head; head, person (B, 1, H, W) uint8
    masks; weight (B, 1, H, W).
    """

    frame_ids: Tensor
    landmarks: Tensor
    world_from_camera: Tensor
    uv: Tensor
    target: Tensor
    backdrop: Tensor
    head: Tensor
    person: Tensor
    weight: Tensor


class PatchSource:
    """Draw patches: most on the face, the others anywhere, so that nothing grows where nobody looks.

    Args:
        footage: The frames.
        upsample: Pixels per ray.
        rays: Rays of a patch.
        frames: Frames of a batch.
        window: Frames of landmarks around each.
        in_rect: Share of the patches centred in a rectangle: the middle of the face, or `focus`.
        emphasis: Weight of mouth and eyes.
        pairs: Take frames in pairs of neighbours, with the same patch.
        scattered: Draw single rays instead of a patch; only without upsampling.
        focus: (4,) x0 y0 x1 y1 in pixels, where patches are centred instead of on the face.
    """

    def __init__(
        self,
        footage: Footage,
        *,
        upsample: int,
        rays: int,
        frames: int = 1,
        window: int = 5,
        in_rect: float = 0.7,
        emphasis: float = 4.0,
        pairs: bool = False,
        scattered: bool = False,
        focus: Floats | None = None,
    ) -> None:
        self.footage, self.upsample, self.frames, self.window = footage, upsample, frames, window
        self.in_rect, self.emphasis, self.pairs, self.scattered = in_rect, emphasis, pairs, scattered
        self.focus = focus
        self.rows, self.columns = math.ceil(footage.height / upsample), math.ceil(footage.width / upsample)
        side = max(1, math.isqrt(rays))
        self.high, self.wide = min(side, self.rows), min(side, self.columns)
        self.ids = footage.video.frame_ids("train")
        self._last: list[int] = []
        if len(self.ids) == 0:
            raise DataError(f"{footage.video.path} has no training frames. Process a longer video.")

    def batch(self, rng: np.random.Generator) -> PatchBatch:
        """Make a batch from a random generator and nothing else."""
        parts: list[PatchBatch] = []
        self._last = []
        while len(parts) < self.frames:
            frame = int(rng.choice(self.ids))
            self._last.append(frame)
            centre = self._centre(frame, rng)
            parts.append(self.patch(frame, centre, rng))
            if self.pairs:
                after = frame + 1 if frame + 1 in self.ids and frame + 1 not in self.footage.video.meta.cuts else frame
                parts.append(self.patch(after, centre, rng))
        return PatchBatch(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        after = " and the one after" if self.pairs else ""
        return [f"{self.footage.video.path}: frame {frame}{after} ({frame / FPS:.2f} s)" for frame in self._last]

    def _centre(self, frame: int, rng: np.random.Generator) -> tuple[float, float]:
        if rng.random() >= self.in_rect:
            return float(rng.uniform(0, self.rows)), float(rng.uniform(0, self.columns))
        if self.focus is not None:
            x0, y0, x1, y1 = self.focus / self.upsample
            return float(rng.uniform(y0, y1)), float(rng.uniform(x0, x1))
        x0, y0, x1, y1 = self.footage.face_box[frame] / self.upsample
        row = (y0 + y1) / 2 + rng.uniform(-0.25, 0.25) * (y1 - y0)
        return float(row), float((x0 + x1) / 2 + rng.uniform(-0.25, 0.25) * (x1 - x0))

    def patch(self, frame: int, centre: tuple[float, float], rng: np.random.Generator | None = None) -> PatchBatch:
        """Cut the patch of a frame whose middle is nearest to `centre` (row, column of rays)."""
        footage, up = self.footage, self.upsample
        top = int(np.clip(round(centre[0] - self.high / 2), 0, self.rows - self.high))
        left = int(np.clip(round(centre[1] - self.wide / 2), 0, self.columns - self.wide))
        rows = np.arange(top * up, (top + self.high) * up)
        columns = np.arange(left * up, (left + self.wide) * up)
        inside = (rows < footage.height)[:, None] & (columns < footage.width)
        weight, inner = self._weight(frame), self._inner(top, left)
        grid_v, grid_u = np.meshgrid(
            (np.arange(top, top + self.high) + 0.5) * up, (np.arange(left, left + self.wide) + 0.5) * up, indexing="ij"
        )
        index: tuple[NDArray[np.int64], NDArray[np.int64]]
        if self.scattered and rng is not None:
            index = self._scatter(frame, rng)
            grid_v, grid_u, whole = index[0] + 0.5, index[1] + 0.5, False
            inside, inner = np.ones_like(index[0], bool), np.ones(1, np.float32)
        else:
            index = np.ix_(np.minimum(rows, footage.height - 1), np.minimum(columns, footage.width - 1))  # type: ignore[assignment]
            whole = bool(inside.all())
        down, right = (slice(int(places.min()), int(places.max()) + 1) for places in index)

        def chosen(box: NDArray[Any]) -> NDArray[Any]:
            return box if whole else box[index[0] - down.start, index[1] - right.start]  # the latter is far slower

        def cut(name: str) -> Bytes:
            part = chosen(np.atleast_3d(footage.part(name, frame, down, right)))
            return np.ascontiguousarray(part.transpose(2, 0, 1))[None]

        piece = chosen(weight[down, right]) * inside * inner
        head = cut("head_mask")
        return PatchBatch(
            torch.tensor([frame]),
            torch.from_numpy(footage.window(frame, self.window))[None],
            torch.from_numpy(footage.cameras[frame])[None],
            torch.from_numpy(np.stack([grid_u, grid_v], axis=-1).astype(np.float32))[None],
            torch.from_numpy(cut("frames")),
            torch.from_numpy(cut("torso_frames")),
            torch.from_numpy(head),
            torch.from_numpy(np.maximum(head, cut("torso_mask"))),
            torch.from_numpy(piece.astype(np.float32))[None, None],
        )

    def _weight(self, frame: int) -> Floats:
        size = (self.footage.height, self.footage.width)
        weight = np.ones(size, np.float32)
        points = self.footage.landmarks_px[frame]
        for group in (MOUTH, LEFT_EYE, RIGHT_EYE):
            x0, y0, x1, y1 = points_box(points[group], 0.2, *size)
            weight[y0:y1, x0:x1] = self.emphasis
        return weight

    def _inner(self, top: int, left: int) -> Floats:
        """Return 0 near those borders of a patch that are not borders of the picture, 1 elsewhere."""
        inner = np.ones((self.high, self.wide), np.float32)
        if self.upsample > 1 and min(self.high, self.wide) > 4 * MARGIN:
            inner[: MARGIN if top else 0] = 0
            inner[:, : MARGIN if left else 0] = 0
            inner[self.high - (MARGIN if top + self.high < self.rows else 0) :] = 0
            inner[:, self.wide - (MARGIN if left + self.wide < self.columns else 0) :] = 0
        return inner.repeat(self.upsample, 0).repeat(self.upsample, 1)

    def _scatter(self, frame: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        x0, y0, x1, y1 = self.footage.face_box[frame]
        on_face = rng.random((self.high, self.wide)) < self.in_rect
        v = np.where(on_face, rng.uniform(y0, y1, on_face.shape), rng.uniform(0, self.footage.height, on_face.shape))
        u = np.where(on_face, rng.uniform(x0, x1, on_face.shape), rng.uniform(0, self.footage.width, on_face.shape))
        v, u = np.clip(v, 0, self.footage.height - 1), np.clip(u, 0, self.footage.width - 1)
        return v.astype(np.int64), u.astype(np.int64)


class ValBatches(Sequence[PatchBatch]):
    """One patch on the face of each of a few frames, spread over a split; always the same."""

    def __init__(self, source: PatchSource, split: Split, count: int) -> None:
        self.source = source
        self.ids = source.footage.held_out(split, count)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PatchBatch:  # type: ignore[override]
        frame = int(self.ids[index])
        x0, y0, x1, y1 = self.source.footage.face_box[frame] / self.source.upsample
        return self.source.patch(frame, ((y0 + y1) / 2, (x0 + x1) / 2))
