"""Patches of frames for training a renderer, whole frames for judging it, and the box of the scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_gen.video.dataset import Split, VideoDataset
from utils.errors import DataError
from utils.landmarks import EYES, LEFT_EYE, MEAN_FACE, MOUTH, RIGHT_EYE
from utils.metrics import Box, points_box
from utils.video import FPS

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
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


class Footage:
    """A person's frames at the training size.

    Args:
        video: The dataset.
        size: Height wanted; smaller frames are left as they are.
    """

    def __init__(self, video: VideoDataset, size: int) -> None:
        self.video = video
        self.scale = min(1.0, size / video.meta.height)
        self.height = round(video.meta.height * self.scale)
        self.width = round(video.meta.width * self.scale)
        self.focal = video.meta.focal_px * self.scale
        self.landmarks = video.landmarks
        self.landmarks_px = video.landmarks_px * np.float32(self.scale)
        self.cameras = video.world_from_camera.astype(np.float32)
        self.face_box = video.face_box_px * np.float32(self.scale)
        self._shots = video.shots("all")

    def shrink(self, picture: Bytes) -> Bytes:
        """Bring a picture or mask of the dataset to the training size."""
        if self.scale == 1.0:
            return np.asarray(picture)
        import cv2

        return np.asarray(cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)

    def picture(self, name: str, frame: int) -> Bytes:
        """Return `frames`, `torso_frames`, `head_mask` or `torso_mask` of one frame at the training size."""
        return self.shrink(getattr(self.video, name)[frame])

    def some(self, split: Split, count: int) -> NDArray[np.int64]:
        """List about `count` frames of a split, evenly apart; fewer than that when it has fewer."""
        ids = self.video.frame_ids(split)
        return ids[:: max(1, len(ids) // count)]

    def window(self, frame: int, size: int) -> Floats:
        """Return the landmarks (size, 68, 3) around a frame; at a cut the last frame before it repeats."""
        start, stop = next(shot for shot in self._shots if shot[0] <= frame < shot[1])
        return self.landmarks[np.clip(np.arange(size) - size // 2 + frame, start, stop - 1)]

    def boxes(self, frame: int) -> dict[str, Box | None]:
        """Return the boxes (None: everything) in which a frame is judged."""
        points, size = self.landmarks_px[frame], (self.height, self.width)
        x0, y0, x1, y1 = self.face_box[frame]
        return {
            "frame": None,
            "head": mask_box(self.picture("head_mask", frame)),
            "face": points_box(np.array([[x0, y0], [x1, y1]]), 0.0, *size),
            "mouth": points_box(points[MOUTH], 0.15, *size),
            "eyes": points_box(points[EYES], 0.1, *size),
        }


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
        weight = self._weight(frame)
        grid_v, grid_u = np.meshgrid(
            (np.arange(top, top + self.high) + 0.5) * up, (np.arange(left, left + self.wide) + 0.5) * up, indexing="ij"
        )
        index: tuple[NDArray[np.int64], NDArray[np.int64]]
        if self.scattered and rng is not None:
            index = self._scatter(frame, rng)
            grid_v, grid_u, inside = index[0] + 0.5, index[1] + 0.5, np.ones_like(index[0], bool)
            piece = weight[index]
        else:
            index = np.ix_(np.minimum(rows, footage.height - 1), np.minimum(columns, footage.width - 1))  # type: ignore[assignment]
            piece = weight[index] * inside * self._inner(top, left)
        person = np.maximum(footage.picture("head_mask", frame), footage.picture("torso_mask", frame))

        def cut(name: str) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(footage.picture(name, frame)[index].transpose(2, 0, 1)))[None]

        return PatchBatch(
            torch.tensor([frame]),
            torch.from_numpy(footage.window(frame, self.window))[None],
            torch.from_numpy(footage.cameras[frame])[None],
            torch.from_numpy(np.stack([grid_u, grid_v], axis=-1).astype(np.float32))[None],
            cut("frames"),
            cut("torso_frames"),
            torch.from_numpy(footage.picture("head_mask", frame)[index])[None, None],
            torch.from_numpy(person[index])[None, None],
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
        ids = source.footage.video.frame_ids(split)
        if len(ids) == 0:
            raise DataError(f"{source.footage.video.path} has no validation frames. Process a longer video.")
        self.source = source
        self.ids = spread(ids, count)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PatchBatch:  # type: ignore[override]
        frame = int(self.ids[index])
        x0, y0, x1, y1 = self.source.footage.face_box[frame] / self.source.upsample
        return self.source.patch(frame, ((y0 + y1) / 2, (x0 + x1) / 2))


def spread(ids: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose `count` of some frames, the first and the last among them; all when there are fewer."""
    return ids[np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int))]


def mask_box(mask: Bytes) -> Box | None:
    """Return the box around what a mask (H, W) shows; None when that is nothing."""
    shown = mask > 127
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def scene_boxes(footage: Footage, depth: tuple[float, float]) -> tuple[Floats, Floats]:
    """Find the box of the head and that of the moving face, each (2, 3) corners in the head frame.

    The head's sides come from the head masks, seen through the cameras at the depth of the ears; its depth cannot be
    seen by one camera and is given.

    Raises:
        DataError: The head masks are empty.
    """
    ids = footage.some("train", 64)
    corners = []
    for frame in ids:
        box = mask_box(footage.picture("head_mask", int(frame)))
        if box is None:
            continue
        u, v = np.array(box[::2], np.float64), np.array(box[1::2], np.float64)
        camera = footage.cameras[frame].astype(np.float64)
        for x in (u - footage.width / 2) / footage.focal:
            for y in (footage.height / 2 - v) / footage.focal:
                ray = camera[:3, :3] @ np.array([x, y, -1.0])
                corners.append(camera[:3, 3] + ray * (-0.7 - camera[2, 3]) / ray[2])
    if not corners:
        raise DataError(f"{footage.video.path}: the head masks are empty. Process the video again.")
    places = np.array(corners)
    low, high = np.percentile(places, 1, axis=0) - 0.2, np.percentile(places, 99, axis=0) + 0.2
    low[2], high[2] = depth
    low[:2], high[:2] = np.clip(low[:2], -4.5, -1.2), np.clip(high[:2], 1.2, 4.5)
    points = MEAN_FACE + footage.landmarks[ids] / 10
    face_low = np.percentile(points.min(axis=1), 2, axis=0) - np.array([0.2, 0.3, 0.3])
    face_high = np.percentile(points.max(axis=1), 98, axis=0) + np.array([0.2, 0.35, 0.3])
    return (
        np.stack([low, high]).astype(np.float32),
        np.stack([np.maximum(face_low, low), np.minimum(face_high, high)]).astype(np.float32),
    )
