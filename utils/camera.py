"""Pinhole camera and rigid motion: projection, rays, rotation vectors, smoothing and looping a path.

Convention:
    Camera: OpenGL axes (x right, y up, looks along -z). `world_from_camera` is 4x4 (or a batch of them)
    with `p_world = R p_camera + t`; the world is the head frame, its unit the mean face's eye distance.
    Pixels: origin at the top-left *corner* of the image, u right, v down; the centre of the first pixel
    is (0.5, 0.5). `u = cx + f * x / -z`, `v = cy - f * y / -z` with the point in the camera's frame.
    Rotation vectors: axis times angle in radians, right-handed.

`project`, `rays` and `invert` take numpy arrays or torch tensors (gradients flow) and answer in kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from utils.arrays import Doubles, Floats, Ints, Reals
from utils.shots import filter_over_time

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", Reals, "Tensor")


def project(points: Array, world_from_camera: Array, focal_px: Any, cx: float, cy: float) -> Array:
    """Project points into the image.

    Args:
        points: (..., N, 3) in the world (head) frame.
        world_from_camera: (..., 4, 4); its batch dimensions broadcast against those of `points`.
        focal_px: Focal length in pixels: a number or an array that broadcasts to (..., N).
        cx: Column of the principal point, half the image's width.
        cy: Row of the principal point, half the image's height.

    Returns:
        (..., N, 2) pixel coordinates (u, v). A point behind the camera (z >= 0) has no image: its values
        mean nothing.
    """
    local = to_camera(points, world_from_camera)
    scale = focal_px / -local[..., 2]
    return _stack([cx + scale * local[..., 0], cy - scale * local[..., 1]])


def to_camera(points: Array, world_from_camera: Array) -> Array:
    """Express points (..., N, 3) of the world in the camera's frame: `R^T (p - t)`."""
    return (points - world_from_camera[..., None, :3, 3]) @ world_from_camera[..., :3, :3]


def rays(pixels: Array, world_from_camera: Array, focal_px: Any, cx: float, cy: float) -> tuple[Array, Array]:
    """Return origins and unit directions (..., N, 3), world frame, of the rays through pixels (..., N, 2)."""
    x = (pixels[..., 0] - cx) / focal_px
    y = (cy - pixels[..., 1]) / focal_px
    local = _stack([x, y, 0 * x - 1])
    local = local / (local**2).sum(-1)[..., None] ** 0.5
    directions = local @ _transpose(world_from_camera[..., :3, :3])
    origins = 0 * directions + world_from_camera[..., None, :3, 3]
    return origins, directions


def pixel_grid(height: int, width: int) -> Floats:
    """Return the pixel centres (height, width, 2) as (u, v): the first is (0.5, 0.5)."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    return np.stack([u, v], axis=-1)


def invert(transforms: Array) -> Array:
    """Invert rigid transforms (..., 4, 4)."""
    rotation = _transpose(transforms[..., :3, :3])
    result = 1 * transforms
    result[..., :3, :3] = rotation
    result[..., :3, 3] = -(rotation @ transforms[..., :3, 3:])[..., 0]
    return result


def compose(*transforms: Reals) -> Reals:
    """Multiply rigid transforms (..., 4, 4): `compose(a_from_b, b_from_c)` is `a_from_c`."""
    result = transforms[0]
    for transform in transforms[1:]:
        result = result @ transform
    return result


def make_transform(rotation: Reals, translation: Reals) -> Reals:
    """Assemble rigid transforms (..., 4, 4) from rotations (..., 3, 3) and translations (..., 3)."""
    shape = np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    result = np.zeros((*shape, 4, 4), dtype=np.result_type(rotation, translation))
    result[..., :3, :3] = rotation
    result[..., :3, 3] = translation
    result[..., 3, 3] = 1
    return result


def rotation_matrix(vectors: Reals) -> Reals:
    """Turn rotation vectors (..., 3), radians, into matrices (..., 3, 3) of the same precision."""
    from scipy.spatial.transform import Rotation  # a third of a second, which a door that looks for data must not wait

    vectors = np.asarray(vectors)
    matrices: Doubles = Rotation.from_rotvec(vectors.reshape(-1, 3).astype(np.float64)).as_matrix()
    return matrices.reshape(*vectors.shape, 3).astype(np.result_type(vectors, np.float32))


def rotation_vector(matrices: Reals) -> Reals:
    """Turn rotation matrices (..., 3, 3) into rotation vectors (..., 3), radians, length at most pi.

    Raises:
        ValueError: A matrix is a reflection or holds nothing.
    """
    from scipy.spatial.transform import Rotation  # as above

    matrices = np.asarray(matrices)
    vectors: Doubles = Rotation.from_matrix(matrices.reshape(-1, 3, 3).astype(np.float64)).as_rotvec()
    return vectors.reshape(matrices.shape[:-1]).astype(np.result_type(matrices, np.float32))


def cross_matrix(vectors: Reals) -> Reals:
    """Return the matrices (..., 3, 3) with `cross_matrix(a) @ b == cross(a, b)`."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def nearest_rotation(matrices: Reals) -> Reals:
    """Return the rotations (..., 3, 3) nearest to any matrices (..., 3, 3), never a reflection.

    Ours, because scipy's `Rotation.from_matrix` refuses a determinant that is not positive, which noise can make.
    """
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.linalg.det(u @ vt)[..., None]
    return u @ vt


def rotation_angle(a: Reals, b: Reals) -> Reals:
    """Return the angle (...) in radians between rotations (..., 3, 3)."""
    return np.linalg.norm(rotation_vector(np.swapaxes(a, -1, -2) @ b), axis=-1)


def smooth_path(world_from_camera: Reals, window: int, cuts: Iterable[int] = ()) -> Reals:
    """Average a camera path (T, 4, 4) over `window` frames, shot by shot.

    The average is taken of the head as the camera sees it (its rotation and its place), which for a head
    that turns before a still camera keeps it in place; averaging camera positions would pull it closer.
    An even window is widened to the next odd one; 1 returns a copy.

    Raises:
        ValueError: `window` is below 1.
    """
    return invert(smooth_camera(invert(np.asarray(world_from_camera, np.float64)), window, cuts)).astype(
        world_from_camera.dtype
    )


def smooth_camera(transforms: Reals, window: int, cuts: Iterable[int] = ()) -> Reals:
    """Average rigid transforms (T, 4, 4) as they are, rotation and translation apart, over `window` frames.

    Of a path (camera to world) this is what GeneFace does: the camera's own place is averaged.

    Raises:
        ValueError: `window` is below 1.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1 frame, not {window}")
    kernel = np.ones(2 * (window // 2) + 1)
    rotation = nearest_rotation(filter_over_time(transforms[:, :3, :3].astype(np.float64), kernel, cuts))
    translation = filter_over_time(transforms[:, :3, 3].astype(np.float64), kernel, cuts)
    return make_transform(rotation, translation).astype(transforms.dtype)


def loop_indices(count: int, length: int, start: int = 0) -> Ints:
    """Return `count` frame numbers that play `length` frames forth and back for ever, without a jump.

    `loop_indices(7, 3)` is 0 1 2 1 0 1 2: the turning frames are not repeated.
    """
    if length < 1:
        raise ValueError("a path needs at least one frame")
    period = max(1, 2 * (length - 1))
    steps = (np.arange(count, dtype=np.int64) + start) % period
    return np.where(steps < length, steps, period - steps)


def _stack(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.stack(parts, axis=-1)
    import torch

    return torch.stack(parts, dim=-1)


def _transpose(matrices: Any) -> Any:
    return np.swapaxes(matrices, -1, -2) if isinstance(matrices, np.ndarray) else matrices.transpose(-1, -2)
