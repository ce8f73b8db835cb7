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

import numpy as np
from numpy.typing import NDArray

from data_gen.video.pose.bundle_adjustment import (
    RIGID_POINTS,
    FaceModel,
    HeadFrames,
    adjust_shape,
    camera_points,
    first_poses,
    fix_gauge,
    image_of,
    learn_expressions,
    place_frames,
)
from utils.arrays import Reals
from utils.camera import invert, make_transform, project, to_camera
from utils.errors import DataError
from utils.faces.landmarks import EYES, JAW, LANDMARKS, MEAN_FACE, MOUTH, from_offsets, lid_gap, lip_gap, to_offsets
from utils.shots import smooth_over_time

FOCAL_PRIOR = 1.5
"""Expected focal length in image widths of the face-centred square; the landmarks cannot tell it."""
_CHUNK = 1000  # frames placed at once: bounds the memory that a long video takes


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

    def project(self, points: Reals) -> Reals:
        """Project head-frame points (N, 3) or (T, N, 3) into every frame: (T, N, 2) pixels."""
        return project(points, self.world_from_camera, self.focal_px, self.width / 2, self.height / 2)

    def with_poses(self, world_from_camera: Reals, points_px: Reals, cuts: Iterable[int] = ()) -> CameraFit:
        """Return the fit with other poses (T, 4, 4).

        The landmarks keep their depth in the head and fall on `points_px` (T, 68, 2), in pixels.
        """
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
    points_px: Reals,
    found: NDArray[np.bool_],
    height: int,
    width: int,
    cuts: Iterable[int] = (),
    *,
    iterations: int = 12,
    key_frames: int = 240,
    expressions: int = 16,
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
    model = FaceModel(MEAN_FACE.astype(np.float64), np.zeros((0, LANDMARKS, 3)), focal_prior * width)
    state = first_poses(points_px[keys], model, centre)
    for round_ in range(iterations):
        state = place_frames(points_px[keys], model, state, centre, steps=3 if round_ == 0 else 2)
        model, state = adjust_shape(points_px[keys], model, state, centre, focal_prior * width)
        if round_ >= 1:
            wanted = min(expressions, len(keys) - 1, 2 * round_)
            model, state = learn_expressions(points_px[keys], model, state, centre, wanted)
        model, state = fix_gauge(model, state)
    parts = np.array_split(points_px, -(-len(points_px) // _CHUNK))
    placed = [place_frames(part, model, first_poses(part, model, centre), centre, steps=12) for part in parts]
    state = HeadFrames(
        np.concatenate([part.rotation for part in placed]),
        np.concatenate([part.place for part in placed]),
        np.concatenate([part.coefficients for part in placed]),
    )
    return _finish(points_px, found, model, state, height, width, tuple(cuts))


def pose_jitter(
    world_from_camera: Reals,
    neutral: Reals,
    focal_px: float,
    height: int,
    width: int,
    cuts: Iterable[int] = (),
) -> tuple[float, float]:
    """Return how much the projected rigid points tremble (u, v), pixels: RMS beyond a Gaussian of 2 frames.

    Args:
        world_from_camera: (T, 4, 4) poses in the head's frame.
        neutral: (68, 3) the face at rest, head frame.
        focal_px: Focal length in pixels.
        height: Of the picture, pixels.
        width: Of the picture, pixels.
        cuts: First frame of each new shot.
    """
    path = project(neutral[RIGID_POINTS], world_from_camera, focal_px, width / 2, height / 2)
    fast = path - smooth_over_time(path, 2.0, cuts)
    rms = np.sqrt((fast**2).mean(axis=(0, 1)))
    return float(rms[0]), float(rms[1])


def _lift(
    points_px: Reals,
    depth: Reals,
    world_from_camera: Reals,
    focal_px: float,
    centre: tuple[float, float],
) -> Reals:
    """Return the head-frame points (T, 68, 3) at camera depth (T, 68), negative, seen at points_px (T, 68, 2)."""
    x = (points_px[..., 0] - centre[0]) * -depth / focal_px
    y = (centre[1] - points_px[..., 1]) * -depth / focal_px
    local = np.stack([x, y, depth], axis=-1)
    rotation = world_from_camera[:, :3, :3]
    return local @ np.swapaxes(rotation, 1, 2) + world_from_camera[:, None, :3, 3]


def _finish(
    points_px: Reals,
    found: NDArray[np.bool_],
    model: FaceModel,
    state: HeadFrames,
    height: int,
    width: int,
    cuts: tuple[int, ...],
) -> CameraFit:
    centre = (width / 2, height / 2)
    _, points = camera_points(model, state)
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


def _at_rest(faces: Reals) -> Reals:
    """Return the median face (68, 3) of faces (T, 68, 3): mouth and jaw where the lips are closest, eyes open."""
    neutral = np.median(faces, axis=0)
    lips, lids = lip_gap(faces), lid_gap(faces)
    closed = faces[lips <= np.quantile(lips, 0.25)]
    opened = faces[lids >= np.quantile(lids, 0.4)]
    neutral[MOUTH] = np.median(closed[:, MOUTH], axis=0)
    neutral[JAW] = np.median(closed[:, JAW], axis=0)
    neutral[EYES] = np.median(opened[:, EYES], axis=0)
    return neutral
