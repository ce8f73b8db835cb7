"""Steady the camera's path by the picture itself: rigid patches of the face against their median look.

Landmarks err a little in every frame and hide a slow drift, since expression and pose can stand in for each other.
The skin does not: about twenty small patches (nose, eye corners, cheeks, forehead) are cut out of every frame
through the present pose, aligned to their median over the video, and the pose follows their shifts. Twice. A frame
whose patches do not come to fit better keeps its pose.

Only what lies in the picture's plane is corrected: two shifts and the turn about the line of sight. Freed as well,
pitch, yaw and depth follow what shading and the patches' guessed relief do when a head nods: on two real videos that
took away 40 % of the pitch which MediaPipe's own pose and the landmarks agree on, gave it to the depth instead, and
made the chin seem to slide with it. Out of the plane the landmarks' own poses are smoothed a little.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_gen.video.pose.bundle_adjustment import image_of, pose_motion
from data_gen.video.pose.tracking import CameraFit
from utils.arrays import Floats, Reals
from utils.camera import invert, project, rotation_matrix
from utils.errors import DataError
from utils.faces.landmarks import from_offsets
from utils.media.picture_file import Pictures
from utils.processes.workers import in_parallel
from utils.shots import smooth_over_time

log = logging.getLogger(__name__)

# Centres as mixes of landmarks, (point, weight) each; the viewer's left side, mirrored below.
_MIDDLE = (((27, 1.0),), ((28, 1.0),), ((29, 1.0),), ((30, 1.0),), ((33, 1.0),), ((21, 1.0), (22, 1.0), (27, -1.0)))
_SIDES = (
    (((31, 1.0),), ((35, 1.0),)),
    (((36, 1.0),), ((45, 1.0),)),
    (((39, 1.0),), ((42, 1.0),)),
    (((36, 0.5), (31, 0.5)), ((45, 0.5), (35, 0.5))),
    (((39, 0.5), (31, 0.5)), ((42, 0.5), (35, 0.5))),
    (((2, 0.4), (31, 0.6)), ((14, 0.4), (35, 0.6))),
    (((19, 1.4), (37, -0.4)), ((24, 1.4), (44, -0.4))),
)
_NOSE_PATCHES = (0, 1, 2, 3, 4, 6, 7)  # flat towards the viewer; the others lie on an ellipsoid's side
_INNER, _MARGIN = 17, 4  # a patch is 17 x 17 samples, cut out with a margin to search in
_SPACING = 0.02  # eye distances between samples
_IN_PLANE = [2, 3, 4]  # of a pose's six numbers (`pose_motion`): the turn about the line of sight, shifts across it
_OUT_OF_PLANE_SIGMA = 2.0  # frames: what trembles faster than that, in tilt and depth, is the landmarks' noise
_SPREAD = 0.02  # of a correction: radians, and eye distances


def refine_pose(
    frames: Pictures,
    fit: CameraFit,
    cuts: Iterable[int] = (),
    *,
    rounds: int = 2,
    on_frame: Callable[[int], None] | None = None,
) -> CameraFit:
    """Return the fit with poses aligned to the picture; landmarks still fall on the same detected points.

    Args:
        frames: (T, H, W, 3) RGB uint8; of each the part around the face is read.
        fit: What `fit_camera` found in the same frames.
        cuts: First frame of each new shot (for the jitter figures).
        rounds: Alignments; each reads the frames once, and one more pass checks the last.
        on_frame: Called after every frame read with how many are done, over all passes.

    Raises:
        DataError: The number or the size of the frames is not that of the fit.
    """
    cuts = tuple(cuts)
    count = len(fit.world_from_camera)
    patches = _patches(fit.neutral.astype(np.float64))
    points_px = fit.project(from_offsets(fit.landmarks.astype(np.float64)))
    kept = steady_out_of_plane(fit.world_from_camera.astype(np.float64), cuts)
    looks = _cut_out(frames, fit, kept, patches, _counter(on_frame, 0))
    before = None
    for round_ in range(rounds):
        template = _median_look(looks)
        shifts, information = _align(looks, template)
        if before is None:
            before = _tremble(fit, shifts, information, cuts)
        poses = _corrected(fit, kept, patches, shifts, information)
        new_looks = _cut_out(frames, fit, poses, patches, _counter(on_frame, (round_ + 1) * count))
        better = _misfit(new_looks, template) < _misfit(looks, template)
        log.info("pose refinement, round %d: %d of %d frames fit better", round_ + 1, better.sum(), count)
        kept = np.where(better[:, None, None], poses, kept)
        looks[better] = new_looks[better]
    shifts, information = _align(looks, _median_look(looks))
    after = _tremble(fit, shifts, information, cuts)
    before = before or after
    log.info("rigid patches: shift %.2f px, jitter %.2f px; before %.2f and %.2f px", *after, *before)
    return replace(
        fit.with_poses(kept, points_px, cuts),
        patch_shift_px=(before[0], after[0]),
        patch_jitter_px=(before[1], after[1]),
    )


def steady_out_of_plane(
    world_from_camera: Reals, cuts: Iterable[int] = (), sigma: float = _OUT_OF_PLANE_SIGMA
) -> Reals:
    """Smooth the depth and the tilt to the line of sight of poses (T, 4, 4) over `sigma` frames, shot by shot.

    The head's origin stays where it is seen, and the turn about the line of sight as it is.
    """
    camera = invert(world_from_camera)
    rotation, place = camera[:, :3, :3], camera[:, :3, 3]
    sight = smooth_over_time(rotation[:, 2], sigma, cuts)  # the line of sight, seen by the head
    sight = sight / np.linalg.norm(sight, axis=1, keepdims=True)
    axis = np.cross(sight, rotation[:, 2])
    angle = np.arcsin(np.clip(np.linalg.norm(axis, axis=1, keepdims=True), 0, 1))
    turn = rotation_matrix(axis / np.maximum(np.sin(angle), 1e-12) * angle)
    depth = smooth_over_time(place[:, 2], sigma, cuts)
    steady = camera.copy()
    steady[:, :3, :3] = rotation @ turn
    steady[:, :3, 3] = place * (depth / place[:, 2])[:, None]
    return invert(steady)


def _counter(on_frame: Callable[[int], None] | None, done: int) -> Callable[[int], None] | None:
    return None if on_frame is None else lambda index: on_frame(done + index)


def _tremble(fit: CameraFit, shifts: Reals, information: Reals, cuts: tuple[int, ...]) -> tuple[float, float]:
    """Return the RMS (pixels) of the frames' mean patch shift, and of its part that a Gaussian of 2 frames removes."""
    weight = np.trace(information, axis1=2, axis2=3) + 1e-9
    weight = weight / (1 + (shifts**2).sum(-1))
    mean = (shifts * weight[..., None]).sum(axis=1) / weight.sum(axis=1)[:, None]
    mean = mean * _SPACING * fit.focal_px / np.linalg.norm(fit.world_from_camera[:, :3, 3], axis=1)[:, None]
    fast = mean - smooth_over_time(mean, 2.0, cuts)
    return float(np.sqrt((mean**2).sum(-1).mean())), float(np.sqrt((fast**2).sum(-1).mean()))


def _patches(neutral: Reals) -> tuple[Reals, Reals, Reals]:
    """Return centres (P, 3) of the patches on the face and their two sides' unit steps (P, 3) along x and y."""
    mixes = [*_MIDDLE, *(mix for pair in _SIDES for mix in pair)]
    centres = np.array([sum(weight * neutral[point] for point, weight in mix) for mix in mixes])
    along_x = np.tile([1.0, 0.0, 0.0], (len(centres), 1))
    along_y = np.tile([0.0, 1.0, 0.0], (len(centres), 1))
    side = np.setdiff1d(np.arange(len(centres)), _NOSE_PATCHES)
    x, y = centres[side, 0] / 1.3, (centres[side, 1] + 0.6) / 1.9
    height = np.sqrt(np.maximum(1 - x**2 - y**2, 0.2))
    along_x[side, 2] = -x / height
    along_y[side, 2] = -(1.3 / 1.9) * y / height
    return centres, along_x, along_y


def _cut_out(
    frames: Pictures,
    fit: CameraFit,
    poses: Reals,
    patches: tuple[Reals, Reals, Reals],
    progress: Callable[[int], None] | None,
) -> NDArray[np.float16]:
    """Cut the patches out of every frame through its pose: (T, P, n, n) grey levels, mean removed."""
    if frames.shape[:3] != (len(poses), fit.height, fit.width):
        raise DataError(
            f"the camera was found in {len(poses)} frames of {fit.width}x{fit.height}, but other frames were given "
            f"to refine it. Find the landmarks and the camera again."
        )
    import cv2

    centres, along_x, along_y = patches
    side = _INNER + 2 * _MARGIN
    steps = (np.arange(side) - side // 2) * _SPACING
    grid = (
        centres[:, None, None]
        + steps[:, None, None] * -along_y[:, None, None]
        + steps[:, None] * along_x[:, None, None]
    )
    flat = grid.reshape(-1, 3)
    blur = 0.6 * _SPACING * fit.focal_px / float(np.median(np.linalg.norm(poses[:, :3, 3], axis=1)))

    def look(number: int) -> Reals:
        pixels = project(flat, poses[number], fit.focal_px, fit.width / 2, fit.height / 2) - 0.5
        grey, corner = _grey_around(frames, number, pixels, blur)
        maps = (pixels - corner).astype(np.float32).reshape(-1, side, 2)
        cut = cv2.remap(grey, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cut = np.asarray(cut).reshape(len(centres), side, side)
        return cut - cut.mean(axis=(1, 2), keepdims=True)

    looks = np.empty((len(poses), len(centres), side, side), dtype=np.float16)
    for number, patches_of_frame in enumerate(in_parallel(look, range(len(poses)))):
        looks[number] = patches_of_frame
        if progress is not None:
            progress(number + 1)
    return looks


def _grey_around(frames: Pictures, number: int, pixels: Reals, blur: float) -> tuple[Floats, Reals]:
    """Return a frame's grey levels around places (N, 2) in pixels, blurred, and the (x, y) where that part begins."""
    import cv2

    size = np.array(frames.shape[2:0:-1])
    margin = 2 + int(np.ceil(4 * blur))  # as far as the blur reaches
    first = np.clip(np.floor(pixels.min(axis=0)).astype(int) - margin, 0, size - 1)
    last = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + margin + 1, first + 1, size)
    part = np.ascontiguousarray(frames[number, first[1] : last[1], first[0] : last[0]])
    grey = np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), blur) if blur > 0.3 else grey, np.float32), first


def _median_look(looks: NDArray[np.float16]) -> Reals:
    """Return the patches' median over at most 600 frames: (P, m, m), without the margin, normalised."""
    inner = slice(_MARGIN, -_MARGIN)
    chosen = looks[:: max(1, len(looks) // 600), :, inner, inner].astype(np.float32)
    return _normalised(np.median(_normalised(chosen), axis=0))


def _normalised(looks: Reals) -> Reals:
    """Give patches (..., m, m) zero mean and unit spread; a flat one (noise only) stays weak."""
    centred = looks - looks.mean(axis=(-2, -1), keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=(-2, -1), keepdims=True))
    return centred / np.maximum(spread, 1e-3)


def _misfit(looks: NDArray[np.float16], template: Reals) -> Reals:
    """Return how ill each frame's patches, where they are, fit the template: (T,), the median of 1 - correlation."""
    inner = slice(_MARGIN, -_MARGIN)
    result = np.empty(len(looks))
    for start in range(0, len(looks), 128):
        part = _normalised(looks[start : start + 128, :, inner, inner].astype(np.float32))
        match = 1 - (part * template).mean(axis=(-2, -1))
        result[start : start + 128] = np.sort(match, axis=1)[:, : round(0.75 * match.shape[1])].mean(axis=1)
    return result


def _align(looks: NDArray[np.float16], template: Reals, iterations: int = 5) -> tuple[Reals, Reals]:
    """Find where each patch lies: shifts (T, P, 2) in samples (x, y), and their information (T, P, 2, 2).

    Inverse-compositional Lucas-Kanade on normalised grey levels; a patch that never matches informs nothing.
    """
    slope_y, slope_x = np.gradient(template, axis=(1, 2))
    slopes = np.stack([slope_x, slope_y], axis=1)  # (P, 2, m, m)
    hessian = np.einsum("paij,pbij->pab", slopes, slopes)
    inverse = np.linalg.inv(hessian + (0.02 * np.trace(hessian, axis1=1, axis2=2)[:, None, None] + 1e-3) * np.eye(2))
    shifts = np.zeros((len(looks), len(template), 2))
    match = np.zeros(shifts.shape[:2])
    for start in range(0, len(looks), 128):
        part = looks[start : start + 128].astype(np.float32)
        shift = np.zeros((len(part), len(template), 2))
        for _ in range(iterations):
            error = _normalised(_sampled(part, shift)) - template
            step = np.einsum("pab,tpb->tpa", inverse, np.einsum("pbij,tpij->tpb", slopes, error))
            shift = np.clip(shift - np.clip(step, -1, 1), -_MARGIN + 0.01, _MARGIN - 1.01)
        shifts[start : start + 128] = shift
        match[start : start + 128] = (_normalised(_sampled(part, shift)) * template).mean(axis=(-2, -1))
    stuck = np.abs(shifts).max(axis=-1) > _MARGIN - 1.5
    trust = np.where(stuck, 0.0, np.clip((match - 0.6) / 0.3, 0, 1))
    noise = np.maximum(1 - match, 0.02) * 20  # neighbouring samples err alike: 289 of them count as about 15
    return shifts, hessian * (trust / noise)[..., None, None]


def _sampled(looks: Reals, shift: Reals) -> Reals:
    """Sample patches (T, P, n, n) at shifts (T, P, 2) of their inner part: (T, P, m, m), bilinear."""
    whole = np.floor(shift).astype(int)
    part = (shift - whole)[..., None, None]
    windows = np.lib.stride_tricks.sliding_window_view(looks, (_INNER + 1, _INNER + 1), axis=(2, 3))
    t, p = np.indices(shift.shape[:2])
    block = windows[t, p, whole[..., 1] + _MARGIN, whole[..., 0] + _MARGIN]
    rows = block[..., :-1, :] * (1 - part[:, :, 1]) + block[..., 1:, :] * part[:, :, 1]
    return rows[..., :-1] * (1 - part[:, :, 0]) + rows[..., 1:] * part[:, :, 0]


def _corrected(
    fit: CameraFit,
    poses: Reals,
    patches: tuple[Reals, Reals, Reals],
    shifts: Reals,
    information: Reals,
) -> Reals:
    """Move each frame's pose in the picture's plane so that the patches come where they were found.

    Robust Gauss-Newton with one prior.
    """
    centres, along_x, along_y = patches
    camera = invert(poses)
    rotation, place = camera[:, :3, :3], camera[:, :3, 3]
    shifted = centres + _SPACING * (shifts[..., :1] * along_x - shifts[..., 1:] * along_y)
    target, _ = image_of(_seen(shifted, rotation, place), fit.focal_px, (0.0, 0.0))
    start_rotation, start_place = rotation, place
    total = np.zeros((len(poses), len(_IN_PLANE)))
    for _ in range(4):
        turned = centres @ np.swapaxes(rotation, 1, 2)
        pixels, jacobian = image_of(turned + place[:, None], fit.focal_px, (0.0, 0.0))
        # From pixels to samples of the patch, in which the information is given.
        tangent = np.stack([along_x, -along_y], axis=-1) * _SPACING
        to_pixels = jacobian @ (rotation[:, None] @ tangent)
        to_samples = np.linalg.inv(to_pixels)
        residual = (to_samples @ (target - pixels)[..., None])[..., 0]
        design = to_samples @ jacobian @ pose_motion(turned)[..., _IN_PLANE]
        robust = 1 / (1 + (residual**2).sum(-1) / 0.5**2)
        weighted = np.swapaxes(design, -1, -2) @ (information * robust[..., None, None])
        normal = (weighted @ design).sum(axis=1)
        right = (weighted @ residual[..., None])[..., 0].sum(axis=1)
        normal += np.eye(len(_IN_PLANE)) / _SPREAD**2
        right -= total / _SPREAD**2
        total = total + np.linalg.solve(normal, right[..., None])[..., 0]
        whole = np.zeros((len(poses), 6))
        whole[:, _IN_PLANE] = total
        rotation = rotation_matrix(whole[:, :3]) @ start_rotation
        place = start_place + whole[:, 3:]
    moved = camera.copy()
    moved[:, :3, :3], moved[:, :3, 3] = rotation, place
    return invert(moved)


def _seen(points: Reals, rotation: Reals, place: Reals) -> Reals:
    return points @ np.swapaxes(rotation, 1, 2) + place[:, None]
