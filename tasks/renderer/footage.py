"""The frames, masks and boxes of a video as a renderer takes them, and the box of its scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_gen.video.dataset import Split, VideoDataset
from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.faces.landmarks import EYES, MEAN_FACE, MOUTH
from utils.media.pictures import fitted
from utils.metrics import Box, points_box

_HALF = 128
"""Of a mask's 255."""


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
        self._take_poses()
        self.landmarks_px = video.landmarks_px * np.float32(self.scale)
        self.face_box = video.face_box_px * np.float32(self.scale)
        self._shots = video.shots("all")

    def put_right(self, errors: Floats | None) -> None:
        """Move poses and landmarks by the errors (T, 6) of the poses; see `VideoDataset.carried`."""
        self.video.put_right(errors)
        self._take_poses()

    def _take_poses(self) -> None:
        video = self.video
        self.landmarks = video.carried(video.landmarks, np.arange(len(video)))
        self.cameras = video.world_from_camera.astype(np.float32)

    def shrink(self, picture: Bytes) -> Bytes:
        """Bring a picture (H, W, 3) or mask (H, W) of the dataset to the training size."""
        return fitted(picture, self.height, self.width)

    def picture(self, name: str, frame: int) -> Bytes:
        """Return `frames`, `torso_frames` (H, W, 3), `head_mask` or `torso_mask` (H, W) of a frame, training size."""
        return self.shrink(getattr(self.video, name)[frame])

    def part(self, name: str, frame: int, rows: slice, columns: slice) -> Bytes:
        """Return what `picture` does in a box of it, and unpack no more than that where sizes are multiples."""
        times = self.video.meta.height // self.height
        if (times * self.height, times * self.width) != (self.video.meta.height, self.video.meta.width):
            return self.picture(name, frame)[rows, columns]
        wider = (slice(times * side.start, times * side.stop) for side in (rows, columns))
        piece = getattr(self.video, name)[(frame, *wider)]
        return fitted(piece, rows.stop - rows.start, columns.stop - columns.start)

    def drawable(self, frame: int) -> Bytes:
        """Return a frame (H, W, 3) as a head can be made to show it: its person, before the background plate."""
        names = ("frames", "torso_frames", "head_mask", "torso_mask")
        return before_the_plate(*(self.picture(name, frame) for name in names))

    def some(self, split: Split, count: int) -> NDArray[np.int64]:
        """List about `count` frames (n,) of a split, evenly apart; fewer than that when it has fewer."""
        ids = self.video.frame_ids(split)
        return ids[:: max(1, len(ids) // count)]

    def held_out(self, split: Split, count: int) -> NDArray[np.int64]:
        """Choose `count` frames (n,) of a split to judge by, the first and the last among them.

        Raises:
            DataError: It has none.
        """
        ids = self.video.frame_ids(split)
        if len(ids) == 0:
            raise DataError(f"{self.video.path} has no validation frames. Process a longer video.")
        return spread(ids, count)

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


def before_the_plate(frame: Bytes, bare: Bytes, head: Bytes, torso: Bytes) -> Bytes:
    """Return the person of a frame (H, W, 3) before the background plate, as published heads are judged.

    They learn it, too. Ours learns what was filmed: where masks end changes from frame to frame, and hair does not.

    Args:
        frame, bare: (H, W, 3) uint8, as filmed, and without the head and over the plate.
        head, torso: (H, W) uint8 masks. Where they are half there, all of the frame is kept: hair has no sharp edge.
    """
    share = np.minimum(np.maximum(head, torso), _HALF)[..., None].astype(np.uint16)
    mixed = (share * frame + (_HALF - share) * bare + _HALF // 2) // _HALF
    return mixed.astype(np.uint8)


def spread(ids: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose `count` of some frames (N,), the first and the last among them; all when there are fewer."""
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
