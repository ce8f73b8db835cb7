"""Turn the painted head: smooth random head motion, and the picture warped by it with parallax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_gen.demo.portrait import CANVAS, Portrait
from utils.arrays import Bytes

Floats = npt.NDArray[np.float64]

FOCAL = 3.0
"""Focal length, in widths of the picture: a portrait lens."""
_GRID = 8
_PIVOT = np.array([0.0, -1.6, -1.3])
_TORSO_SHARE = 0.22


@dataclass(frozen=True)
class HeadPose:
    """Where the head is, in the portrait's own head frame (x right, y up, z to the viewer, origin between the eyes).

    Attributes:
        rotation: (3, 3), identity as in the portrait.
        translation: (3,) in eye distances; a point p of the head is at rotation @ p + translation.
    """

    rotation: Floats
    translation: Floats

    @staticmethod
    def about_neck(yaw: float, pitch: float, roll: float, shift: Floats) -> HeadPose:
        """Turn by degrees about the neck (yaw to the viewer's right, pitch down, roll clockwise); shift by (3,)."""
        rotation = _rotation(yaw, pitch, roll)
        return HeadPose(rotation, _PIVOT - rotation @ _PIVOT + shift)

    @property
    def matrix(self) -> Floats:
        """Return the matrix (4, 4) from head to portrait frame."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation
        return matrix


def _rotation(yaw: float, pitch: float, roll: float) -> Floats:
    a, b, c = np.radians([yaw, pitch, -roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


class HeadMotion:
    """Draw a smooth random head motion: slow sways, and small nods that go with the voice.

    Args:
        frames: How many.
        loudness: (T,) 0 to 1; louder speech moves the head a little.
        seed: The same seed gives the same motion.
        liveliness: 1 is ordinary; 0 holds still.
    """

    YAW, PITCH, ROLL = 8.0, 5.0, 3.0

    def __init__(self, frames: int, loudness: Floats, seed: int, liveliness: float = 1.0) -> None:
        rng = np.random.default_rng([seed, 1])
        limits = np.array([self.YAW, self.PITCH, self.ROLL, 0.10, 0.05, 0.08])
        slow = np.stack([_sway(rng, frames, 2.6) for _ in limits], 1)
        quick = np.stack([_sway(rng, frames, 0.8) for _ in limits], 1)
        nod = np.zeros_like(slow)
        nod[:, 1] = 0.35 * _smooth(loudness - loudness.mean() if frames else loudness, 9)
        self.values = liveliness * limits * np.tanh(0.75 * slow + 0.16 * quick + nod)

    def __getitem__(self, frame: int) -> HeadPose:
        """Return the head's pose in one frame."""
        yaw, pitch, roll, *shift = self.values[frame]
        return HeadPose.about_neck(yaw, pitch, roll, np.array(shift))


def _sway(rng: np.random.Generator, frames: int, period_s: float) -> Floats:
    """Return a smooth random curve of about unit spread, (T,), that changes direction about every `period_s`."""
    sigma = max(1.0, 0.3 * period_s * 25)
    noise = rng.normal(size=frames + int(8 * sigma))
    steps = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
    kernel = np.exp(-0.5 * (steps / sigma) ** 2)
    return np.convolve(noise, kernel / np.sqrt((kernel**2).sum()), mode="valid")[:frames]


def _smooth(curve: Floats, width: int) -> Floats:
    kernel = np.hanning(width + 2)[1:-1]
    return np.convolve(np.pad(curve, width // 2, mode="edge"), kernel / kernel.sum(), mode="valid")


class Scene:
    """Put a painted canvas in front of the room, turned by a `HeadPose`, at any picture size."""

    def __init__(self, portrait: Portrait, size: int) -> None:
        import cv2

        self.size = size
        self.unit = portrait.eye_distance_px
        points = portrait.landmarks_px.astype(np.float64)
        self.eyes = 0.5 * (points[36:42].mean(0) + points[42:48].mean(0))
        self.focal = FOCAL * CANVAS
        self.distance = self.focal / self.unit
        self.depth = portrait.depth
        scale = (size, size)
        self.plate = cv2.resize(portrait.plate, scale, interpolation=cv2.INTER_AREA).astype(np.float32)
        cells = CANVAS // _GRID
        axis = (np.arange(cells) + 0.5) * _GRID
        x, y = np.meshgrid(axis, axis)
        self.grid = np.stack([x, y], -1).reshape(-1, 2)
        chin, unit = float(points[8, 1]), self.unit
        # The head turns down to the chin; the neck takes over from there to the collar.
        side = np.clip((abs(self.grid[:, 0] - points[8, 0]) / unit - 1.0) / 0.6, 0, 1)
        start = chin - (0.05 + 0.75 * side) * unit
        part = np.clip((self.grid[:, 1] - start) / (0.85 * unit), 0, 1)
        self.head_share = 1 - part * part * (3 - 2 * part)
        edge = np.clip((chin + 0.8 * unit - self.grid[:, 1]) / unit, 0, 1)
        self.torso_share = _TORSO_SHARE * np.ones_like(edge)
        self.grid_depth = self._depth_at(self.grid)
        self.alpha = portrait.alpha

    @property
    def focal_px(self) -> float:
        """Return the focal length in pixels of the picture."""
        return FOCAL * self.size

    def world_from_camera(self, pose: HeadPose) -> Floats:
        """Return the camera in the turned head's frame, (4, 4), OpenGL axes: what a tracker should find."""
        camera = np.eye(4)
        camera[:3, 3] = -self._origin()
        return np.asarray(np.linalg.inv(pose.matrix) @ camera)

    def project(self, points_px: npt.NDArray[np.floating], pose: HeadPose) -> Floats:
        """Return where canvas points (P, 2) of the head are in the turned picture, (P, 2) pixels of the picture."""
        points = points_px.astype(np.float64)
        return self._turned(points, self._depth_at(points), pose) * (self.size / CANVAS)

    def render(self, canvas: Bytes, pose: HeadPose) -> Bytes:
        """Return the picture, (size, size, 3): canvas (N, N, 3) turned, over the still room."""
        import cv2

        moved = self._turned(self.grid, self.grid_depth, pose) - self.grid
        lean = 0.25 * (pose.rotation[:, 2] - np.array([0, 0, 1]))
        rest = HeadPose(np.eye(3), pose.translation * np.array([1.0, 0.6, 1.0]) + lean)
        torso = self._turned(self.grid, self.grid_depth, rest) - self.grid
        share = self.head_share[:, None]
        shift = share * moved + (1 - share) * self.torso_share[:, None] * torso
        cells = CANVAS // _GRID
        field = shift.reshape(cells, cells, 2).astype(np.float32)
        rows, columns = np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij")
        base = np.stack([columns, rows], -1).astype(np.float32)
        back = -field
        for _ in range(3):
            at = base + back / _GRID
            back = -cv2.remap(field, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        full = _enlarge(back, self.size)
        axis = ((np.arange(self.size) + 0.5) * CANVAS / self.size - 0.5).astype(np.float32)
        map_x, map_y = axis[None] + full[..., 0], axis[:, None] + full[..., 1]
        person = cv2.remap(canvas, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.remap(self.alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mixed = self.plate + (person - self.plate) * alpha[..., None]
        return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

    def _origin(self) -> Floats:
        """Return the head frame's origin as the camera sees it in the portrait."""
        x, y = self.eyes - 0.5 * CANVAS
        return np.array([x / self.unit, -y / self.unit, -self.distance])

    def _turned(self, points: Floats, depth: Floats, pose: HeadPose) -> Floats:
        origin = self._origin()
        far = self.distance - depth
        in_camera = np.stack(
            [
                (points[:, 0] - 0.5 * CANVAS) * far / self.focal,
                -(points[:, 1] - 0.5 * CANVAS) * far / self.focal,
                -far,
            ],
            1,
        )
        turned = (in_camera - origin) @ pose.rotation.T + pose.translation + origin
        across = turned[:, :2] / -turned[:, 2:] * self.focal
        return np.stack([0.5 * CANVAS + across[:, 0], 0.5 * CANVAS - across[:, 1]], 1)

    def _depth_at(self, points: Floats) -> Floats:
        index = np.clip(points.astype(int), 0, CANVAS - 1)
        return self.depth[index[:, 1], index[:, 0]].astype(np.float64)


def _enlarge(field: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR))
