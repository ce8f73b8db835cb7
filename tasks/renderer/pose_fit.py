"""Move a head's poses a little, frame by frame, until what is drawn lies on what was filmed.

Poses come from landmarks, which err by half a degree: too much for an outline of hair that all frames together are
learnt from. The head that has been learnt so far knows better, as its hair, ears and forehead do not move in speech:
pitch, yaw and depth of a frame are fitted to the difference between picture and frame, one Gauss-Newton step before
every validation (direct alignment of images: Lucas and Kanade, 1981; with a surface: Engel et al., 2014). The middle of
the face stays where it is seen: processing has found it by patches of skin, and better than hair and outline can tell.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from modules.renderer.field import BlendPlaneHead, coarse_weights
from modules.renderer.rays import ray_directions, ray_grid
from modules.renderer.sampling import bin_positions
from utils.arrays import Bytes, Doubles, Floats, Reals
from utils.camera import project, to_camera
from utils.faces.landmarks import MEAN_FACE
from utils.media.pictures import fitted
from utils.shots import smooth_over_time

if TYPE_CHECKING:
    from tasks.renderer.base import NerfTask

STRIDE = 3
"""Frames from one that is fitted to the next; by what landmarks err changes slower than that."""
MOST = 800
"""Frames that are fitted at a time: of a longer video fewer, so that it takes no longer."""
SMOOTH = 2.0
"""Deviation in frames over which errors are averaged, as poses were before; what is faster is the fit's own."""
SPREAD = np.array([0.01, 0.01, 0.05])
"""How far poses are believed to err: radians of pitch and yaw around the middle of the face, eye distances of depth."""
CENTRE = np.asarray(MEAN_FACE[17:].mean(axis=0), np.float64)
"""The middle of the face: where it lies in the picture has been found already, patch by patch of skin."""
SCALE = 0.5
"""Size of the pictures that are compared: they take half as long to draw, and steps are as good. Small ones stay."""
LEAST = 64
"""Rows of a picture that is not small."""
BLUR = 1.0
"""Deviation in their pixels of what they are blurred with: a step sees some two pixels far."""
ALIKE = 60.0
"""Of so many values one counts, since neighbours in a picture err alike."""
RAYS, STEPS, BESIDE = 128, 64, 2
"""Rows of rays that look for the surface; steps along each; rays beside the outline that still belong to it."""
LOWEST = float(MEAN_FACE[33, 1])
"""Height of the nose's base, below which speech moves what is seen."""
INNER, FACE = np.array([[-1.0, LOWEST, -0.6], [1.0, 0.5, 9.0]]), 5.0
"""Corners of a box around brows, eyes and nose, eye distances, and how much more its points count: all look there."""


def fit_poses(task: NerfTask) -> Floats:
    """Return the errors (T, 6) of the poses of a video's frames, a step nearer than those that the task's scene has.

    Frames between two that are fitted get what lies between theirs. The mean of all is nothing, since a head may as
    well be learnt where they all err alike.
    """
    footage, scene = task.footage, task.model.scene
    errors = scene.pose_errors.double().cpu().numpy()
    cuts, points = footage.video.meta.cuts, rigid_surface(task)
    stride = max(STRIDE, math.ceil(len(errors) / MOST))
    chosen = [np.unique([*range(start, stop, stride), stop - 1]) for start, stop in footage.video.shots()]
    scale = SCALE if footage.height > LEAST else 1.0
    with contextlib.closing(task.render_frames(np.concatenate(chosen), scale)) as pictures:
        for frames in chosen:
            shot = []
            for frame, picture in zip(frames.tolist(), pictures, strict=False):
                camera = footage.cameras[frame].astype(np.float64)
                seen = (picture, footage.picture("frames", frame), points, camera, footage.focal)
                shot.append(errors[frame] + step_towards(*seen, errors[frame]))
            every = np.arange(frames[0], frames[-1] + 1)
            errors[every] = np.stack([np.interp(every, frames, column) for column in np.transpose(shot)], axis=1)
    errors = smooth_over_time(errors, SMOOTH, cuts)
    return np.asarray(errors - errors.mean(axis=0), np.float32)


@torch.no_grad()
def rigid_surface(task: NerfTask) -> Doubles:
    """Return points (N, 3) of the head, and a little beside its outline, that do not move when it speaks."""
    head, scene, footage = task.model.head, task.model.scene, task.footage
    assert isinstance(head, BlendPlaneHead)
    ids = footage.video.frame_ids("train")
    poses = footage.cameras[ids].reshape(len(ids), -1)
    frame = int(ids[np.square(poses - poses.mean(axis=0)).sum(axis=1).argmin()])  # as most of them are
    window = torch.from_numpy(footage.window(frame, task.cfg.smo_win_size))[None].to(task.device)
    with torch.autocast(task.device.type, enabled=False):
        grid = head.frames(head.encode(scene.normalise(window))).log_density[0]
    camera = torch.from_numpy(footage.cameras[frame]).to(task.device)
    pitch = footage.height / min(RAYS, footage.height)
    rows, columns = int(footage.height / pitch), int(footage.width / pitch)
    uv = ray_grid(rows, columns, pitch, device=task.device).view(-1, 2)
    rays, index = scene.rays(uv, camera)
    weights = coarse_weights(grid, rays, scene.box, STEPS, None)
    lengths = bin_positions(rays.near, rays.far, STEPS, None)
    alpha = weights.sum(dim=1)
    mean = (weights * lengths).sum(dim=1) / alpha.clamp(min=1e-6)
    nearness = torch.zeros(len(uv), device=task.device)
    nearness[index] = torch.where(alpha > 0.5, 1 / mean, 0.0)
    near = nearness.view(rows, columns).cpu().numpy()
    around = cv2.dilate(near, np.ones((2 * BESIDE + 1, 2 * BESIDE + 1), np.uint8))
    near = np.where(near > 0, near, around).ravel()
    size = float(footage.height), float(footage.width)
    directions = ray_directions(uv, camera, scene.focal, size).cpu().numpy()
    there = near > 0
    points = footage.cameras[frame][:3, 3] + directions[there] / near[there, None]
    return np.asarray(points[points[:, 1] > LOWEST], np.float64)


def step_towards(
    picture: Bytes, truth: Bytes, points: Doubles, camera: Doubles, focal: float, error: Doubles
) -> Doubles:
    """Return by how much to change a pose's error (6,) for a picture to come to lie on its frame.

    Args:
        picture, truth: (h, w, 3) and (H, W, 3) uint8, drawn and filmed; they are compared at the size of the former.
        points: (N, 3) of the head's surface.
        camera: (4, 4) world_from_camera that it was drawn from.
        focal: Pixels of `truth`.
        error: (6,) by which that pose was put right: a turn in radians, and a shift. Large ones are not believed.
    """
    height, width = picture.shape[:2]
    scale = height / truth.shape[0]
    drawn, filmed = (
        cv2.GaussianBlur(fitted(one, height, width).astype(np.float32), (0, 0), BLUR) for one in (picture, truth)
    )
    places = project(points, camera, scale * focal, width / 2, height / 2)
    inside = ((places > 1) & (places < np.array([width - 1, height - 1]))).all(axis=1)
    if inside.sum() < len(SPREAD):
        return np.zeros(6)
    points, maps = points[inside], np.asarray(places[inside] - 0.5, np.float32)

    def read(image: Reals) -> Doubles:
        """Return the colours (n, 3) of an image at the points."""
        colours = cv2.remap(image, maps[:, :1], maps[:, 1:], cv2.INTER_LINEAR)
        return np.asarray(colours, np.float64).reshape(-1, 3)

    slopes = [cv2.Sobel(drawn + filmed, cv2.CV_32F, x, y, ksize=3, scale=1 / 16) for x, y in ((1, 0), (0, 1))]
    x, y, z = to_camera(points, camera).T
    far, nothing = -z, np.zeros_like(z)
    rates = (np.stack([1 / far, nothing, x / far**2], axis=1), np.stack([nothing, -1 / far, -y / far**2], axis=1))
    moved = np.zeros((len(points), 3, 6))
    for slope, rate in zip(slopes, rates, strict=True):
        # A pose turned by w and shifted by v sees X - w x X - v where X was seen; what is seen there moves along.
        side = scale * focal * rate @ camera[:3, :3].T
        moved += read(np.asarray(slope))[:, :, None] * np.concatenate([np.cross(points, side), side], axis=1)[:, None]
    free = ways(camera)
    rest, jacobian = read(filmed - drawn).ravel(), moved.reshape(-1, 6) @ free
    usual = 1.4826 * float(np.median(np.abs(rest))) + 2.0
    weight = 1 / (1 + np.square(rest / usual)) / (ALIKE * usual**2)
    weight *= np.where((points > INNER[0]).all(axis=1) & (points < INNER[1]).all(axis=1), FACE, 1.0).repeat(3)
    belief = np.diag(1 / SPREAD**2)
    before = np.linalg.lstsq(free, error, rcond=None)[0]
    normal = jacobian.T @ (jacobian * weight[:, None]) + belief
    return np.asarray(free @ np.linalg.solve(normal, jacobian.T @ (weight * rest) - belief @ before))


def ways(camera: Doubles) -> Doubles:
    """Return what is free of a pose, (6, 3): pitch and yaw around the middle of the face, and its depth."""
    turns = [np.concatenate([axis, -np.cross(axis, CENTRE)]) for axis in camera[:3, :2].T]
    sight = camera[:3, 3] - CENTRE
    return np.stack([*turns, np.concatenate([np.zeros(3), sight / np.linalg.norm(sight)])], axis=1)
