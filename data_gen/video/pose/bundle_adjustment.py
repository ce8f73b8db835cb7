"""The Gauss-Newton steps of the bundle adjustment, batched over frames, in float64; `tracking` puts them together.

One `FaceModel` serves the whole video, `HeadFrames` says how the camera sees the head in each frame:
`p_camera = rotation @ p_head + place`. Steps of a pose are a rotation vector applied from the left about the head's
origin, then a shift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from utils.arrays import Reals
from utils.camera import cross_matrix, nearest_rotation, rotation_matrix
from utils.faces.landmarks import BROWS, EYES, JAW, LANDMARKS, MEAN_FACE, MOUTH, NOSE

RIGID_POINTS = np.array([27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])
"""The nose and the eye corners: they hardly move on the head."""


@dataclass(frozen=True)
class FaceModel:
    """neutral (68, 3), basis (K, 68, 3) and focal_px: what all frames share."""

    neutral: Reals
    basis: Reals
    focal_px: float

    def faces(self, coefficients: Reals) -> Reals:
        """Return the faces (T, 68, 3) of expression coefficients (T, K)."""
        return self.neutral + np.tensordot(coefficients, self.basis, axes=1)


@dataclass(frozen=True)
class HeadFrames:
    """The head as the camera sees it: rotation (T, 3, 3), place (T, 3); expression coefficients (T, K)."""

    rotation: Reals
    place: Reals
    coefficients: Reals


def _per_point(
    jaw: float, brows: float, bridge: float, nose: float, eyes: float, corners: float, mouth: float
) -> Reals:
    values = np.empty(LANDMARKS)
    for group, value in ((JAW, jaw), (BROWS, brows), (NOSE, nose), (EYES, eyes), (MOUTH, mouth)):
        values[group] = value
    values[[27, 28]] = bridge  # the upper ridge has no mark of its own: detectors let these two slide along it
    values[[36, 39, 42, 45]] = corners
    return values


# How much a point says about the pose; how freely expression moves it; how far people differ there (eye distances).
_TRUST = _per_point(jaw=0.15, brows=0.45, bridge=0.3, nose=1.0, eyes=0.3, corners=1.0, mouth=0.3)
_MOBILITY = _per_point(jaw=0.9, brows=0.7, bridge=0.6, nose=0.3, eyes=0.8, corners=0.3, mouth=1.0)
_VARIETY = _per_point(jaw=0.25, brows=0.10, bridge=0.08, nose=0.08, eyes=0.06, corners=0.06, mouth=0.10)
_INDEPENDENT_FRAMES = 40.0  # neighbouring frames err alike: all key frames together count as so many
_NOISE = 0.01  # of a detected point, in eye distances
_FOCAL_SPREAD = 0.2  # of the prior on log focal


def camera_points(model: FaceModel, state: HeadFrames) -> tuple[Reals, Reals]:
    """Return the faces turned into the camera's axes, without and with the head's place: (T, 68, 3) each."""
    turned = model.faces(state.coefficients) @ np.swapaxes(state.rotation, 1, 2)
    return turned, turned + state.place[:, None]


def image_of(points: Reals, focal: float, centre: tuple[float, float]) -> tuple[Reals, Reals]:
    """Project camera-frame points (..., 3); return pixels (..., 2) and the Jacobian (..., 2, 3)."""
    x, y, z = points[..., 0], points[..., 1], np.minimum(points[..., 2], -0.5)
    pixels = np.stack([centre[0] - focal * x / z, centre[1] + focal * y / z], axis=-1)
    zero = np.zeros_like(x)
    jacobian = np.stack([-focal / z, zero, focal * x / z**2, zero, focal / z, -focal * y / z**2], axis=-1)
    return pixels, jacobian.reshape(*x.shape, 2, 3)


def pose_motion(turned: Reals) -> Reals:
    """Return how points (..., 3) turned about the head's origin move with its pose: (..., 3, 6), turn then shift."""
    shift = np.broadcast_to(np.eye(3), (*turned.shape, 3))
    return np.concatenate([-cross_matrix(turned), shift], axis=-1)


def _robust(residual: Reals, scale: Reals) -> Reals:
    """Return Cauchy weights (T, 68) of pixel residuals (T, 68, 2); `scale` (T, 1) is a large residual."""
    return 1 / (1 + (residual**2).sum(-1) / scale**2)


def _size(state: HeadFrames, model: FaceModel) -> Reals:
    """Return one eye distance in pixels, frame by frame: (T, 1)."""
    return model.focal_px / np.maximum(-state.place[:, 2:], 0.5)


def first_poses(points_px: Reals, model: FaceModel, centre: tuple[float, float]) -> HeadFrames:
    """Place every frame by the best affine (weak-perspective) view of the neutral face.

    Args:
        points_px: (T, 68, 2) detected landmarks in pixels.
        model: Whose face.
        centre: Of the picture, x and y in pixels.
    """
    count = len(points_px)
    weight = np.sqrt(_TRUST)[:, None]
    solve = np.linalg.pinv(weight * np.concatenate([model.neutral, np.ones((LANDMARKS, 1))], axis=1))
    flipped = points_px * [1, -1]
    affine = solve @ (weight * flipped)  # (T, 4, 2)
    rows = np.swapaxes(affine[:, :3], 1, 2)
    size = np.sqrt(np.maximum(np.linalg.norm(np.cross(rows[:, 0], rows[:, 1]), axis=-1), 1e-6))
    rows = rows / size[:, None, None]
    rotation = nearest_rotation(np.concatenate([rows, np.cross(rows[:, :1], rows[:, 1:])], axis=1))
    depth = model.focal_px / size
    place = np.stack([(affine[:, 3, 0] - centre[0]) / size, (affine[:, 3, 1] + centre[1]) / size, -depth], axis=1)
    return HeadFrames(rotation, place, np.zeros((count, len(model.basis))))


def place_frames(
    points_px: Reals, model: FaceModel, state: HeadFrames, centre: tuple[float, float], steps: int
) -> HeadFrames:
    """Improve each frame's pose and expression with the shape held fixed, points_px (T, 68, 2): damped Gauss-Newton."""
    kinds = len(model.basis)
    flat = model.basis.reshape(kinds, LANDMARKS, 3)
    for _ in range(steps):
        turned, points = camera_points(model, state)
        pixels, jacobian = image_of(points, model.focal_px, centre)
        residual = points_px - pixels
        size = _size(state, model)
        weight = _robust(residual, 0.06 * size) * _TRUST / (_NOISE * size) ** 2
        moved = np.einsum("kjc,tdc->tjdk", flat, state.rotation)
        design = jacobian @ np.concatenate([pose_motion(turned), moved], axis=-1)  # (T, 68, 2, 6 + K)
        weighted = (design * weight[..., None, None]).reshape(len(points_px), -1, 6 + kinds)
        design = design.reshape(len(points_px), -1, 6 + kinds)
        normal = np.swapaxes(weighted, 1, 2) @ design
        right = (np.swapaxes(weighted, 1, 2) @ residual.reshape(len(points_px), -1, 1))[..., 0]
        index = np.arange(6 + kinds)
        normal[:, index, index] *= 1 + 1e-4
        normal[:, index[6:], index[6:]] += 1.0  # the basis is scaled so that coefficients have unit variance
        right[:, 6:] -= state.coefficients
        step = np.linalg.solve(normal, right[..., None])[..., 0]
        state = replace(_moved(state, step[:, :6]), coefficients=state.coefficients + step[:, 6:])
    return state


def _moved(state: HeadFrames, step: Reals) -> HeadFrames:
    """Turn and shift the heads by steps (T, 6): a rotation vector, at most 0.3 rad of it, and a translation."""
    angle = np.linalg.norm(step[:, :3], axis=1, keepdims=True)
    turn = step[:, :3] * np.minimum(1, 0.3 / np.maximum(angle, 1e-9))
    return replace(state, rotation=rotation_matrix(turn) @ state.rotation, place=state.place + step[:, 3:])


def adjust_shape(
    points_px: Reals, model: FaceModel, state: HeadFrames, centre: tuple[float, float], focal_prior_px: float
) -> tuple[FaceModel, HeadFrames]:
    """Improve neutral face, focal length and all poses at once from points_px (T, 68, 2).

    Poses are eliminated by a Schur complement; `focal_prior_px` is the expected focal length.
    """
    turned, points = camera_points(model, state)
    pixels, jacobian = image_of(points, model.focal_px, centre)
    residual = points_px - pixels
    size = _size(state, model)
    share = min(1.0, _INDEPENDENT_FRAMES / len(points_px))
    weight = share * _robust(residual, 0.06 * size) * _TRUST / (_NOISE * size) ** 2
    count = len(points_px)
    by_pose = jacobian @ pose_motion(turned)  # (T, 68, 2, 6)
    by_shape = jacobian @ state.rotation[:, None]  # (T, 68, 2, 3)
    by_focal = pixels - np.array(centre)  # per unit of log focal

    n = 3 * LANDMARKS
    normal = np.zeros((n + 1, n + 1))
    right = np.zeros(n + 1)
    blocks = np.einsum("tj,tjda,tjdb->jab", weight, by_shape, by_shape)
    for j in range(LANDMARKS):
        normal[3 * j : 3 * j + 3, 3 * j : 3 * j + 3] = blocks[j]
    normal[:n, n] = normal[n, :n] = np.einsum("tj,tjda,tjd->ja", weight, by_shape, by_focal).ravel()
    normal[n, n] = np.einsum("tj,tjd->", weight, by_focal**2)
    right[:n] = np.einsum("tj,tjda,tjd->ja", weight, by_shape, residual).ravel()
    right[n] = np.einsum("tj,tjd,tjd->", weight, by_focal, residual)
    poses = np.einsum("tj,tjda,tjdb->tab", weight, by_pose, by_pose)
    poses[:, np.arange(6), np.arange(6)] *= 1 + 1e-6
    pose_right = np.einsum("tj,tjda,tjd->ta", weight, by_pose, residual)
    cross = np.empty((count, 6, n + 1))
    cross[..., :n] = np.einsum("tj,tjda,tjdb->tajb", weight, by_pose, by_shape).reshape(count, 6, n)
    cross[..., n] = np.einsum("tj,tjda,tjd->ta", weight, by_pose, by_focal)
    solved = np.linalg.solve(poses, np.concatenate([cross, pose_right[..., None]], axis=-1))
    normal -= np.tensordot(cross, solved[..., :-1], axes=((0, 1), (0, 1)))
    right -= np.einsum("tan,ta->n", cross, solved[..., -1])

    stiffness = np.repeat(1 / _VARIETY**2, 3)
    normal[np.arange(n), np.arange(n)] += stiffness
    right[:n] += stiffness * (MEAN_FACE - model.neutral).ravel()
    normal[n, n] += 1 / _FOCAL_SPREAD**2
    right[n] += np.log(focal_prior_px / model.focal_px) / _FOCAL_SPREAD**2
    step = np.linalg.solve(normal, right)
    step *= min(1.0, 0.1 / max(abs(step[n]), 1e-9))
    pose_step = solved[..., -1] - solved[..., :-1] @ step
    model = replace(
        model,
        neutral=model.neutral + step[:n].reshape(LANDMARKS, 3),
        focal_px=model.focal_px * float(np.exp(step[n])),
    )
    return model, _moved(state, pose_step)


def learn_expressions(
    points_px: Reals, model: FaceModel, state: HeadFrames, centre: tuple[float, float], kinds: int
) -> tuple[FaceModel, HeadFrames]:
    """Find the `kinds` main directions in which the face of points_px (T, 68, 2) moves.

    What a frame shows of a point is complete across the line of sight and unknown along it; there the present
    expression fills in, as in expectation maximisation.
    """
    _, points = camera_points(model, state)
    pixels, jacobian = image_of(points, model.focal_px, centre)
    residual = points_px - pixels
    weight = (1 / (_NOISE * _size(state, model)) ** 2)[..., None, None]
    design = jacobian @ state.rotation[:, None]
    information = np.swapaxes(design, -1, -2) @ design * weight
    information[..., np.arange(3), np.arange(3)] += 1 / 0.1**2  # expression moves a point about 0.1 eye distances
    gradient = np.swapaxes(design, -1, -2) @ (residual * weight[..., 0])[..., None]
    change = np.linalg.solve(information, gradient)[..., 0]
    moved = (np.tensordot(state.coefficients, model.basis, axes=1) + change) * _MOBILITY[:, None]
    mean = moved.mean(axis=0)
    flat = (moved - mean).reshape(len(moved), -1)
    left, spread, directions = np.linalg.svd(flat, full_matrices=False)
    scale = spread[:kinds] / np.sqrt(len(flat))
    basis = (directions[:kinds] * scale[:, None]).reshape(kinds, LANDMARKS, 3)
    coefficients = left[:, :kinds] * np.sqrt(len(flat))
    neutral = model.neutral + mean
    return FaceModel(neutral, basis, model.focal_px), replace(state, coefficients=coefficients)


def fix_gauge(model: FaceModel, state: HeadFrames) -> tuple[FaceModel, HeadFrames]:
    """Move, turn and scale the head frame so that the shape's rigid points fit `MEAN_FACE`; no pixel moves."""
    ours, theirs = model.neutral[RIGID_POINTS], MEAN_FACE[RIGID_POINTS].astype(np.float64)
    our_mean, their_mean = ours.mean(0), theirs.mean(0)
    covariance = (theirs - their_mean).T @ (ours - our_mean)
    turn = nearest_rotation(covariance)
    scale = np.trace(turn.T @ covariance) / ((ours - our_mean) ** 2).sum()
    neutral = scale * (model.neutral - our_mean) @ turn.T + their_mean
    basis = scale * model.basis @ turn.T
    rotation = state.rotation @ turn.T
    place = scale * (state.place + state.rotation @ our_mean) - rotation @ their_mean
    return FaceModel(neutral, basis, model.focal_px), HeadFrames(rotation, place, state.coefficients)
