"""Draw lower faces to train a portrait on: a true frame whose lower face is another frame's, and what it should be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from skimage.transform import SimilarityTransform
from torch import Tensor

from data_gen.video.dataset import Split
from tasks.renderer.footage import Footage
from tasks.renderer.portrait.lower_face import RIGID, LowerFace, lower_face
from utils.arrays import Bytes, Floats, Ints, Reals
from utils.camera import project
from utils.errors import DataError
from utils.faces.landmarks import MOUTH, from_offsets
from utils.metrics import points_box
from utils.rates import FPS

MOUTH_SIDES = 1.45
"""How much larger than the lips what is cut out around a mouth is."""
CANDIDATES = 12
"""Frames among which the one whose pose is nearest lends its lower face."""


class LowerFaceBatch(NamedTuple):
    """Lower faces of B frames, in boxes of H x W pixels.

    frame_ids (B,); landmarks (B, W, 68, 3) windows to draw; world_from_camera (B, 4, 4); corner (B, 2) left and top of
    the box, pixels; target, covered, backdrop (B, H, W, 3) uint8: the frame, the same with another frame's lower face,
    and without a head; covered_landmarks (B, 68, 3) of the lent face; mask (B, H, W) in [0, 1]; weight (B, 1, H, W);
    mouth (B, 4): x0, y0, x1, y1 of the mouth to draw, pixels of the box, of one size in all frames.
    """

    frame_ids: Tensor
    landmarks: Tensor
    world_from_camera: Tensor
    corner: Tensor
    target: Tensor
    covered: Tensor
    backdrop: Tensor
    covered_landmarks: Tensor
    mask: Tensor
    weight: Tensor
    mouth: Tensor


class LowerFaceSource:
    """Draw frames of the footage whose lower face is covered by that of another frame in nearly the same pose.

    So a network learns to cover a mouth that says something else, and cannot read off the frame what the mouth should
    be: whatever is left of the covered face is of another moment.

    Args:
        footage: The frames.
        step: The box's sides are multiples of so many pixels.
        reach: How much wider than the hulls of both lower faces the mask is, eye distances.
        frames: Frames of a batch.
        window: Frames of landmarks around each.
        emphasis: Weight of the mouth.
    """

    def __init__(
        self, footage: Footage, *, step: int, reach: float, frames: int = 1, window: int = 5, emphasis: float = 4.0
    ) -> None:
        self.footage, self.step, self.reach = footage, step, reach
        self.frames, self.window, self.emphasis = frames, window, emphasis
        self.ids = footage.video.frame_ids("train")
        self._last: list[int] = []
        if len(self.ids) == 0:
            raise DataError(f"{footage.video.path} has no training frames. Process a longer video.")
        self.high, self.wide = self._size()
        self.mouth_sides = self._mouth_sides()
        self.poses = footage.cameras[:, :3].reshape(len(footage.cameras), -1)

    def _size(self) -> tuple[int, int]:
        """Return height and width of the boxes, pixels: as large as most lower faces need."""
        footage = self.footage
        points = footage.landmarks_px[footage.some("train", 64)]
        boxes = np.array([self._face(one[None]).box for one in points])
        sides = np.quantile(boxes[:, 2:] - boxes[:, :2], 0.95, axis=0)
        wide, high = (
            min(math.ceil(1.1 * side / self.step), whole // self.step) * self.step
            for side, whole in zip(sides, (footage.width, footage.height), strict=True)
        )
        if min(wide, high) == 0:
            raise DataError(f"{footage.video.path}: the faces are too small for a portrait.")
        return high, wide

    def _mouth_sides(self) -> Ints:
        """Return width and height of what is cut out around a mouth, pixels: as large as most mouths need."""
        mouths = self.footage.landmarks_px[self.footage.some("train", 64)][:, MOUTH]
        sides = np.ceil(MOUTH_SIDES * np.quantile(np.ptp(mouths, axis=1), 0.95, axis=0)).astype(int)
        return np.clip(sides, 1, (self.wide, self.high))

    def _mouth(self, points_px: Reals, left: int, top: int) -> Ints:
        """Return x0, y0, x1, y1 of the mouth of a face (68, 2), pixels of the box with that corner."""
        lips = points_px[MOUTH] - (left, top)
        room = np.array([self.wide, self.high]) - self.mouth_sides
        corner = np.clip(np.round((lips.min(axis=0) + lips.max(axis=0) - self.mouth_sides) / 2).astype(int), 0, room)
        return np.concatenate([corner, corner + self.mouth_sides])

    def _face(self, points_px: Reals) -> LowerFace:
        return lower_face(points_px, self.footage.height, self.footage.width, wider=self.reach)

    def batch(self, rng: np.random.Generator) -> LowerFaceBatch:
        """Make a batch from a random generator and nothing else."""
        self._last = [int(frame) for frame in rng.choice(self.ids, self.frames)]
        faces = [self.face(frame, self.lender(frame, rng)) for frame in self._last]
        return LowerFaceBatch(*(torch.cat(tensors) for tensors in zip(*faces, strict=True)))

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        return [f"{self.footage.video.path}: frame {frame} ({frame / FPS:.2f} s)" for frame in self._last]

    def lender(self, frame: int, rng: np.random.Generator) -> int:
        """Choose the frame that lends its lower face."""
        others = rng.choice(self.ids, CANDIDATES)
        distance = np.square(self.poses[others] - self.poses[frame]).sum(axis=1) + 1e9 * (others == frame)
        return int(others[distance.argmin()])

    def face(self, frame: int, lender: int) -> LowerFaceBatch:
        """Cut the lower face of a frame, over which lies that of another."""
        footage = self.footage
        lent_landmarks = footage.video.carried(footage.video.landmarks[[lender]], np.array([frame]))[0]
        own, other = footage.landmarks_px[frame], self._points(lent_landmarks, frame)
        face = self._face(np.stack([own, other]))
        left, top = self._corner(face)
        part = (slice(top, top + self.high), slice(left, left + self.wide))
        mask = np.zeros((footage.height, footage.width), np.float32)
        mask[face.part] = face.mask
        mask = mask[part]
        target = footage.part("frames", frame, *part)
        lent = self._lent(frame, lender)[part]
        weight = 0.05 + mask
        x0, y0, x1, y1 = points_box(own[MOUTH], 0.2, footage.height, footage.width)
        weight[max(0, y0 - top) : max(0, y1 - top), max(0, x0 - left) : max(0, x1 - left)] *= self.emphasis

        def batched(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array))[None]

        return LowerFaceBatch(
            torch.tensor([frame]),
            batched(footage.window(frame, self.window)),
            batched(footage.cameras[frame]),
            torch.tensor([[left, top]]),
            batched(target),
            batched((target + mask[..., None] * (lent.astype(np.float32) - target) + 0.5).astype(np.uint8)),
            batched(footage.part("torso_frames", frame, *part)),
            batched(lent_landmarks),
            batched(mask),
            batched(weight[None]),
            batched(self._mouth(own, left, top)),
        )

    def _corner(self, face: LowerFace) -> tuple[int, int]:
        """Return left and top of the box around a lower face, on the borders of rays."""
        x0, y0, x1, y1 = face.box
        sides, whole = np.array([self.wide, self.high]), np.array([self.footage.width, self.footage.height])
        steps = np.round((np.array([x0 + x1, y0 + y1]) - sides) / 2 / self.step)
        left, top = (np.clip(steps, 0, (whole - sides) // self.step) * self.step).astype(int).tolist()
        return left, top

    def _points(self, landmarks: Floats, frame: int) -> Reals:
        """Return where landmarks (68, 3) fall in the pose of a frame, (68, 2) pixels."""
        footage = self.footage
        points, camera = from_offsets(landmarks).astype(np.float64), footage.cameras[frame].astype(np.float64)
        return project(points, camera, footage.focal, footage.width / 2, footage.height / 2)

    def _lent(self, frame: int, lender: int) -> Bytes:
        """Return another frame (H, W, 3), moved so that its head lies over the head of a frame."""
        import cv2

        points = self.footage.landmarks_px
        move = SimilarityTransform.from_estimate(points[lender][RIGID], points[frame][RIGID])
        picture = self.footage.picture("frames", lender)
        if not move:
            return picture
        size = (self.footage.width, self.footage.height)
        return np.asarray(
            cv2.warpAffine(picture, move.params[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )


class ValLowerFaces(Sequence[LowerFaceBatch]):
    """Lower faces of a few held-out frames, each covered by a training frame's; always the same."""

    def __init__(self, source: LowerFaceSource, split: Split, count: int) -> None:
        self.source = source
        self.ids = source.footage.held_out(split, count)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> LowerFaceBatch:  # type: ignore[override]
        frame = int(self.ids[index])
        return self.source.face(frame, self.source.lender(frame, np.random.default_rng(frame)))
