"""Where the head is, and which frame of the footage lies behind it, for as long as anyone speaks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_gen.video.dataset import VideoDataset
from tasks.speaking.route import Route
from tasks.speaking.settings import PoseSettings, PostSettings
from tasks.speaking.silence import silence_weight
from tasks.speaking.turns import find_turns, path_of
from utils.arrays import Floats, Ints
from utils.camera import loop_indices, smooth_path
from utils.errors import ConfigError, DataError
from utils.files.arrays import load_array

TOLERANCE = 0.02
"""How far a given rotation times its transpose may be from the identity."""

LEAST = 3
"""Fewer frames of footage are played forth and back: there is nothing to choose."""


class Moment(NamedTuple):
    """Some output frames: footage frames whose eyes are shown (n,) and which lie behind (n,); poses (n, 4, 4).

    own_poses: whether the poses are those of the frames that lie behind.
    """

    eye_ids: Ints
    frame_ids: Ints
    world_from_camera: Floats
    own_poses: bool


class HeadMotion:
    """Say for any output frame where the head is; nothing grows with their number.

    Where the footage itself is seen it is turned where that is not noticed, and shows a person who rests and speaks as
    the sound does that was heard (`tasks.speaking.route`); else it is played forth and back.

    Raises:
        ConfigError: The settings name a frame that is not there.
        DataError: The file of poses is none.
    """

    def __init__(self, video: VideoDataset, settings: PoseSettings) -> None:
        self.start, stop = max(video.shots("all"), key=lambda shot: (shot[1] - shot[0], -shot[0]))
        self.length = stop - self.start
        path = video.world_from_camera[self.start : stop]
        if settings.path_is_smoothed:
            path = smooth_path(path, settings.infer_smooth_camera_path_kernel_size)
        self.given = bool(settings.infer_c2w_name)
        self.path = np.asarray(read_poses(settings.infer_c2w_name) if self.given else path, np.float32)
        self.still: int | None = None
        if settings.infer_pose_mode == "still":
            self.still = self._still_frame(settings.infer_still_frame_idx)
        self.route: Route | None = None
        if settings.footage_is_seen and self.length >= LEAST:
            rests = silence_weight(video.audio("rms"), len(video), PostSettings())
            self.route = Route(find_turns(path_of(video, self.start, stop)), rests[self.start : stop])

    def hear(self, silence: Floats | None, first: int = 0) -> None:
        """Take note of how far nobody speaks, (T,) 0..1, from output frame `first` on, before those are asked for."""
        if self.route is not None and silence is not None:
            self.route.hear(silence, first)

    def _still_frame(self, wanted: int | None) -> int:
        first = 0 if self.given else self.start
        last = first + len(self.path) - 1
        if wanted is None:
            return usual_pose(self.path)
        if not first <= wanted <= last:
            where = "the file of poses" if self.given else "the longest shot of the footage"
            raise ConfigError(f"infer_still_frame_idx = {wanted}: {where} has frames {first} to {last}")
        return wanted - first

    def frames(self, start: int, stop: int) -> Moment:
        """Return output frames [start, stop)."""
        if self.route is None:
            steps, places = (loop_indices(stop - start, count, start) for count in (self.length, len(self.path)))
        else:
            steps = places = self.route.frames(start, stop)
        eyes = self.start + steps
        behind = eyes
        poses = self.path[places]
        if self.still is not None:
            poses = np.repeat(self.path[self.still][None], stop - start, axis=0)
            behind = np.full_like(eyes, self.start + (0 if self.given else self.still))
        return Moment(eyes, behind, np.ascontiguousarray(poses, dtype=np.float32), not self.given)


def usual_pose(path: Floats) -> int:
    """Return the pose of a path (T, 4, 4) that is nearest to all the others: the one nearest to the median."""
    flat = path[:, :3].reshape(len(path), 12).astype(np.float64)
    spread = flat.std(axis=0) + 1e-6
    return int(np.abs((flat - np.median(flat, axis=0)) / spread).sum(axis=1).argmin())


def read_poses(path: str) -> Floats:
    """Read camera poses (T, 4, 4) from an .npy of [1, T, 3, 4], [T, 3, 4] or [T, 4, 4].

    Raises:
        DataError: There are none, or they are no poses: another shape, a value that is no number, no rotation.
    """
    if not Path(path).is_file():
        raise DataError(f"No camera poses at {path} (infer_c2w_name).")
    poses = load_array(path, "camera poses")
    if poses.ndim == 4 and len(poses) == 1:
        poses = poses[0]
    if poses.ndim != 3 or poses.shape[1:] not in ((3, 4), (4, 4)) or not len(poses):
        raise DataError(f"{path} has shape {poses.shape}: camera poses are [1, T, 3, 4] or [T, 4, 4].")
    full = np.tile(np.eye(4, dtype=np.float32), (len(poses), 1, 1))
    full[:, :3] = poses[:, :3]
    turned = full[:, :3, :3] @ full[:, :3, :3].transpose(0, 2, 1) - np.eye(3, dtype=np.float32)
    wrong = np.flatnonzero((np.abs(turned).max(axis=(1, 2)) > TOLERANCE) | (np.linalg.det(full[:, :3, :3]) < 0))
    if len(wrong):
        raise DataError(
            f"{path}: {len(wrong)} of {len(full)} poses are no rotation and place (first {wrong[0]}). "
            "Poses are world_from_camera: the camera in the head's frame."
        )
    return full
