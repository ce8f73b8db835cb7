"""From landmarks in pixels to camera poses and pose-free 3-D landmarks: one bundle adjustment a video.

Every frame sees the same person: one neutral shape (68, 3), a few expression directions and one focal length serve
the whole video, and each frame adds a pose and a few expression coefficients. The shape is solved on key frames
(poses eliminated by a Schur complement), then every frame is placed with the shape held fixed.

What one camera cannot tell is set by rule: the shape's rigid points fit `MEAN_FACE` at unit scale, and a prior holds
the focal length, which the landmarks hardly reveal. Expression is shrunk on rigid points: else it would soak up the
head's motion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.camera import cross_matrix, invert, make_transform, nearest_rotation, project, rotation_matrix, to_camera
from utils.errors import DataError
from utils.landmarks import (
    BROWS,
    EYES,
    JAW,
    LANDMARKS,
    MEAN_FACE,
    MOUTH,
    NOSE,
    from_offsets,
    lid_gap,
    lip_gap,
    smooth_over_time,
    to_offsets,
)

FloatArray = NDArray[np.floating[Any]]

RIGID_POINTS = np.array([27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])
"""The nose and the eye corners: they hardly move on the head."""
FOCAL_PRIOR = 1.5
"""Expected focal length in image widths of the face-centred square; the landmarks cannot tell it."""


@dataclass(frozen=True)
class CameraFit:
    """Where the camera was in the head's frame, and the face with its pose removed.

    Shapes:
        world_from_camera: (T, 4, 4) float32, OpenGL axes; the world is the head frame.
        focal_px: one focal length for the video, pixels.
        landmarks: (T, 68, 3) float32 offsets from `MEAN_FACE` in tenths of an eye distance; projected through the
            pose they fall on the detected points.
        neutral: (68, 3) float32, the person's face at rest (lips nearly closed, eyes open), head frame.
        reprojection_px: (T,) float32, mean distance between the detected points and the model's (neutral shape plus
            low-rank expression).
        pose_jitter_px: how fast the projected rigid points move (u, v): RMS of what a Gaussian of 2 frames removes,
            the head's own quick motion included.
        height, width: of the picture, pixels.
        patch_shift_px: how far rigid patches of the face lie from where the pose puts them, before and after
            `photometric.refine_pose`: RMS of each frame's mean shift; None when it was not run.
        patch_jitter_px: the part of it that trembles (what a Gaussian of 2 frames removes), before and after.
    """

    world_from_camera: NDArray[np.float32]
    focal_px: float
    landmarks: NDArray[np.float32]
    neutral: NDArray[np.float32]
    reprojection_px: NDArray[np.float32]
    pose_jitter_px: tuple[float, float]
    height: int
    width: int
    patch_shift_px: tuple[float, float] | None = None
    patch_jitter_px: tuple[float, float] | None = None

    def project(self, points: FloatArray) -> FloatArray:
        """Project head-frame points (N, 3) or (T, N, 3) into every frame: (T, N, 2) pixels."""
        return project(points, self.world_from_camera, self.focal_px, self.width / 2, self.height / 2)

    def with_poses(self, world_from_camera: FloatArray, points_px: FloatArray, cuts: Iterable[int] = ()) -> CameraFit:
        """Return the fit with other poses: the landmarks keep their depth in the head and fall on `points_px`."""
        depth = to_camera(from_offsets(self.landmarks), world_from_camera)[..., 2]
        centre = (self.width / 2, self.height / 2)
        points = _lift(points_px, depth, world_from_camera, self.focal_px, centre)
        return replace(
            self,
            world_from_camera=world_from_camera.astype(np.float32),
            landmarks=to_offsets(points).astype(np.float32),
            pose_jitter_px=pose_jitter(
                world_from_camera, self.neutral, self.focal_px, self.height, self.width, tuple(cuts)
            ),
        )


def fit_camera(
    points_px: FloatArray,
    found: NDArray[np.bool_],
    height: int,
    width: int,
    cuts: Iterable[int] = (),
    *,
    iterations: int = 12,
    key_frames: int = 240,
    expressions: int = 8,
    focal_prior: float = FOCAL_PRIOR,
) -> CameraFit:
    """Find the camera's path, the person's neutral face and the pose-free landmarks of a video.

    Args:
        points_px: (T, 68, 2) detected landmarks in pixels; frames not found must hold interpolated points.
        found: (T,) False where a frame's points were interpolated; such frames shape nothing but get a pose.
        height: Of the picture, pixels.
        width: Of the picture, pixels.
        cuts: First frame of each new shot (only the jitter figures need them).
        iterations: Rounds of the shape's adjustment.
        key_frames: How many frames shape the face at most; more costs time and brings little.
        expressions: How many directions the face may move in, besides its pose.
        focal_prior: Expected focal length in image widths.

    Raises:
        DataError: There are no frames with a face, or the points are not numbers.
    """
    points_px = np.asarray(points_px, dtype=np.float64)
    if points_px.ndim != 3 or points_px.shape[1:] != (LANDMARKS, 2):
        raise ValueError(f"points_px must be (T, {LANDMARKS}, 2), not {points_px.shape}")
    usable = np.flatnonzero(found)
    if len(usable) == 0:
        raise DataError("no frame shows a face, so the camera cannot be found. Look at the landmarks first.")
    if not np.isfinite(points_px).all():
        raise DataError("some landmarks are not finite: interpolate the frames without a face first")
    centre = (width / 2, height / 2)
    keys = usable[np.unique(np.linspace(0, len(usable) - 1, min(key_frames, len(usable))).round().astype(int))]
    model = _FaceModel(MEAN_FACE.astype(np.float64), np.zeros((0, LANDMARKS, 3)), focal_prior * width)
    state = _first_poses(points_px[keys], model, centre)
    for round_ in range(iterations):
        state = _place(points_px[keys], model, state, centre, steps=3 if round_ == 0 else 2)
        model, state = _reshape(points_px[keys], model, state, centre, focal_prior * width)
        if round_ >= 1:
            wanted = min(expressions, len(keys) - 1, 2 + round_)
            model, state = _learn_expressions(points_px[keys], model, state, centre, wanted)
        model, state = _fix_gauge(model, state)
    state = _first_poses(points_px, model, centre)
    state = _place(points_px, model, state, centre, steps=12)
    return _finish(points_px, found, model, state, height, width, tuple(cuts))


def pose_jitter(
    world_from_camera: FloatArray,
    neutral: FloatArray,
    focal_px: float,
    height: int,
    width: int,
    cuts: Iterable[int] = (),
) -> tuple[float, float]:
    """Return how much the projected rigid points tremble (u, v), pixels: RMS beyond a Gaussian of 2 frames."""
    path = project(neutral[RIGID_POINTS], world_from_camera, focal_px, width / 2, height / 2)
    fast = path - smooth_over_time(path, 2.0, cuts)
    rms = np.sqrt((fast**2).mean(axis=(0, 1)))
    return float(rms[0]), float(rms[1])


# --- the model and its Gauss-Newton steps: everything below works in float64, batched over frames ---


@dataclass(frozen=True)
class _FaceModel:
    """neutral (68, 3), basis (K, 68, 3) and focal_px: what all frames share."""

    neutral: FloatArray
    basis: FloatArray
    focal_px: float

    def faces(self, coefficients: FloatArray) -> FloatArray:
        """Return the faces (T, 68, 3) of expression coefficients (T, K)."""
        return self.neutral + np.tensordot(coefficients, self.basis, axes=1)


@dataclass(frozen=True)
class _Frames:
    """The head as the camera sees it: rotation (T, 3, 3), place (T, 3); expression coefficients (T, K)."""

    rotation: FloatArray
    place: FloatArray
    coefficients: FloatArray


def _per_point(jaw: float, brows: float, nose: float, eyes: float, corners: float, mouth: float) -> FloatArray:
    values = np.empty(LANDMARKS)
    for group, value in ((JAW, jaw), (BROWS, brows), (NOSE, nose), (EYES, eyes), (MOUTH, mouth)):
        values[group] = value
    values[[36, 39, 42, 45]] = corners
    return values


# How much a point says about the pose; how freely expression moves it; how far people differ there (eye distances).
_TRUST = _per_point(jaw=0.1, brows=0.3, nose=1.0, eyes=0.3, corners=1.0, mouth=0.2)
_MOBILITY = _per_point(jaw=0.9, brows=0.7, nose=0.1, eyes=0.8, corners=0.1, mouth=1.0)
_VARIETY = _per_point(jaw=0.25, brows=0.10, nose=0.08, eyes=0.06, corners=0.06, mouth=0.10)
_INDEPENDENT_FRAMES = 40.0  # neighbouring frames err alike: all key frames together count as so many
_NOISE = 0.01  # of a detected point, in eye distances
_FOCAL_SPREAD = 0.2  # of the prior on log focal


def _camera_points(model: _FaceModel, state: _Frames) -> tuple[FloatArray, FloatArray]:
    """Return the faces turned into the camera's axes, without and with the head's place: (T, 68, 3) each."""
    turned = model.faces(state.coefficients) @ np.swapaxes(state.rotation, 1, 2)
    return turned, turned + state.place[:, None]


def image_of(points: FloatArray, focal: float, centre: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Project camera-frame points (..., 3); return pixels (..., 2) and the Jacobian (..., 2, 3)."""
    x, y, z = points[..., 0], points[..., 1], np.minimum(points[..., 2], -0.5)
    pixels = np.stack([centre[0] - focal * x / z, centre[1] + focal * y / z], axis=-1)
    zero = np.zeros_like(x)
    jacobian = np.stack([-focal / z, zero, focal * x / z**2, zero, focal / z, -focal * y / z**2], axis=-1)
    return pixels, jacobian.reshape(*x.shape, 2, 3)


def pose_motion(turned: FloatArray) -> FloatArray:
    """Return how points (..., 3) turned about the head's origin move with its pose: (..., 3, 6), turn then shift."""
    shift = np.broadcast_to(np.eye(3), (*turned.shape, 3))
    return np.concatenate([-cross_matrix(turned), shift], axis=-1)


def _robust(residual: FloatArray, scale: FloatArray) -> FloatArray:
    """Return Cauchy weights (T, 68) of pixel residuals (T, 68, 2); `scale` (T, 1) is a large residual."""
    return 1 / (1 + (residual**2).sum(-1) / scale**2)


def _size(state: _Frames, model: _FaceModel) -> FloatArray:
    """Return one eye distance in pixels, frame by frame: (T, 1)."""
    return model.focal_px / np.maximum(-state.place[:, 2:], 0.5)


def _first_poses(points_px: FloatArray, model: _FaceModel, centre: tuple[float, float]) -> _Frames:
    """Place every frame by the best affine (weak-perspective) view of the neutral face."""
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
    return _Frames(rotation, place, np.zeros((count, len(model.basis))))


def _place(
    points_px: FloatArray, model: _FaceModel, state: _Frames, centre: tuple[float, float], steps: int
) -> _Frames:
    """Improve each frame's pose and expression with the shape held fixed: damped Gauss-Newton."""
    kinds = len(model.basis)
    flat = model.basis.reshape(kinds, LANDMARKS, 3)
    for _ in range(steps):
        turned, points = _camera_points(model, state)
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


def _moved(state: _Frames, step: FloatArray) -> _Frames:
    """Turn and shift the heads by steps (T, 6): a rotation vector, at most 0.3 rad of it, and a translation."""
    angle = np.linalg.norm(step[:, :3], axis=1, keepdims=True)
    turn = step[:, :3] * np.minimum(1, 0.3 / np.maximum(angle, 1e-9))
    return replace(state, rotation=rotation_matrix(turn) @ state.rotation, place=state.place + step[:, 3:])


def _reshape(
    points_px: FloatArray, model: _FaceModel, state: _Frames, centre: tuple[float, float], focal_prior_px: float
) -> tuple[_FaceModel, _Frames]:
    """Improve neutral face, focal length and all poses at once (poses eliminated by a Schur complement)."""
    turned, points = _camera_points(model, state)
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


def _learn_expressions(
    points_px: FloatArray, model: _FaceModel, state: _Frames, centre: tuple[float, float], kinds: int
) -> tuple[_FaceModel, _Frames]:
    """Find the main directions in which the face moves.

    What a frame shows of a point is complete across the line of sight and unknown along it; there the present
    expression fills in, as in expectation maximisation.
    """
    _, points = _camera_points(model, state)
    pixels, jacobian = image_of(points, model.focal_px, centre)
    residual = points_px - pixels
    weight = (1 / (_NOISE * _size(state, model)) ** 2)[..., None, None]
    design = jacobian @ state.rotation[:, None]
    information = np.swapaxes(design, -1, -2) @ design * weight
    information[..., np.arange(3), np.arange(3)] += 1 / 0.1**2  # expression moves a point about 0.1 eye distances
    seen = np.swapaxes(design, -1, -2) @ (residual * weight[..., 0])[..., None]
    change = np.linalg.solve(information, seen)[..., 0]
    moved = (np.tensordot(state.coefficients, model.basis, axes=1) + change) * _MOBILITY[:, None]
    mean = moved.mean(axis=0)
    flat = (moved - mean).reshape(len(moved), -1)
    left, spread, directions = np.linalg.svd(flat, full_matrices=False)
    scale = spread[:kinds] / np.sqrt(len(flat))
    basis = (directions[:kinds] * scale[:, None]).reshape(kinds, LANDMARKS, 3)
    coefficients = left[:, :kinds] * np.sqrt(len(flat))
    neutral = model.neutral + mean
    return _FaceModel(neutral, basis, model.focal_px), replace(state, coefficients=coefficients)


def _fix_gauge(model: _FaceModel, state: _Frames) -> tuple[_FaceModel, _Frames]:
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
    return _FaceModel(neutral, basis, model.focal_px), _Frames(rotation, place, state.coefficients)


def _lift(
    points_px: FloatArray,
    depth: FloatArray,
    world_from_camera: FloatArray,
    focal_px: float,
    centre: tuple[float, float],
) -> FloatArray:
    """Return the head-frame points (T, 68, 3) at camera depth (T, 68), negative, seen at points_px (T, 68, 2)."""
    x = (points_px[..., 0] - centre[0]) * -depth / focal_px
    y = (centre[1] - points_px[..., 1]) * -depth / focal_px
    local = np.stack([x, y, depth], axis=-1)
    rotation = world_from_camera[:, :3, :3]
    return local @ np.swapaxes(rotation, 1, 2) + world_from_camera[:, None, :3, 3]


def _finish(
    points_px: FloatArray,
    found: NDArray[np.bool_],
    model: _FaceModel,
    state: _Frames,
    height: int,
    width: int,
    cuts: tuple[int, ...],
) -> CameraFit:
    centre = (width / 2, height / 2)
    _, points = _camera_points(model, state)
    pixels, _ = image_of(points, model.focal_px, centre)
    error = np.linalg.norm(pixels - points_px, axis=-1).mean(axis=1)
    poses = invert(make_transform(state.rotation, state.place))
    faces = _lift(points_px, points[..., 2], poses, model.focal_px, centre)
    neutral = _at_rest(faces[np.flatnonzero(found)])
    return CameraFit(
        world_from_camera=poses.astype(np.float32),
        focal_px=float(model.focal_px),
        landmarks=to_offsets(faces).astype(np.float32),
        neutral=neutral.astype(np.float32),
        reprojection_px=error.astype(np.float32),
        pose_jitter_px=pose_jitter(poses, neutral, model.focal_px, height, width, cuts),
        height=height,
        width=width,
    )


def _at_rest(faces: FloatArray) -> FloatArray:
    """Return the median face (68, 3) of faces (T, 68, 3): mouth and jaw where the lips are closest, eyes open."""
    neutral = np.median(faces, axis=0)
    lips, lids = lip_gap(faces), lid_gap(faces)
    closed = faces[lips <= np.quantile(lips, 0.25)]
    opened = faces[lids >= np.quantile(lids, 0.4)]
    neutral[MOUTH] = np.median(closed[:, MOUTH], axis=0)
    neutral[JAW] = np.median(closed[:, JAW], axis=0)
    neutral[EYES] = np.median(opened[:, EYES], axis=0)
    return neutral
