"""Make a head that moves and speaks, with everything known: the truth that tracking must find again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.camera import invert, make_transform, project, rotation_matrix
from utils.faces.landmarks import JAW, MEAN_FACE
from utils.shots import smooth_over_time

SIZE = 512


class Motion(NamedTuple):
    """world_from_camera (T, 4, 4), faces (T, 68, 3) head frame, opening (T,), points_px (T, 68, 2), focal_px."""

    world_from_camera: np.ndarray
    faces: np.ndarray
    opening: np.ndarray
    points_px: np.ndarray
    focal_px: float


def make_motion(frames: int = 200, noise_px: float = 0.4, seed: int = 0, focal: float = 1.6) -> Motion:
    """Make a person unlike the mean face who turns, nods, rolls, sways and speaks, seen with noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 25
    opening = np.clip(np.sin(2 * np.pi * 2.1 * t) + 0.7 * np.sin(2 * np.pi * 3.3 * t + 1), 0, None) * 0.15
    person = MEAN_FACE * np.array([1.04, 0.95, 1.08]) + 0.02 * rng.normal(size=(68, 3))
    person[JAW] *= [1.06, 1.05, 1.0]
    faces = np.repeat(person[None], frames, axis=0)
    for points, down, back in (([65, 66, 67], 1.0, 0.4), ([56, 57, 58], 1.0, 0.4), (range(6, 11), 0.8, 0.5)):
        faces[:, list(points), 1] -= down * opening[:, None]
        faces[:, list(points), 2] -= back * opening[:, None]
    turn = np.deg2rad(np.stack([6 * np.sin(1.9 * t), 12 * np.sin(1.1 * t + 1), 4 * np.sin(1.5 * t + 2)], axis=1))
    place = np.stack([0.3 * np.sin(0.8 * t), -0.2 + 0.1 * np.cos(t), -8 + 0.2 * np.sin(0.5 * t)], axis=1)
    poses = invert(make_transform(rotation_matrix(turn), place))
    clean = project(faces, poses, focal * SIZE, SIZE / 2, SIZE / 2)
    noisy = clean + smooth_over_time(rng.normal(size=clean.shape), 0.7) * noise_px * 1.5
    return Motion(poses, faces, opening, noisy, focal * SIZE)
