"""How the shoulders lie in every frame of a person's footage, as a short code that a torso can be driven by."""

from __future__ import annotations

import numpy as np

from tasks.renderer.footage import Footage
from utils.arrays import Floats

SIDE = 48
"""The frames are shrunk to so many pixels a side first: enough to tell where a collar is, too few to tell noise."""
SAMPLES = 512
"""Frames from which the components are found."""


def shoulder_motion(footage: Footage, width: int) -> Floats:
    """Describe the torso of every frame by its first principal components, over the pixels that show it.

    The components of small pictures of a moving thing are its shifts, its lighting and its folds. They need no
    tracking, and what holds still costs nothing.

    Args:
        footage: The frames with the head taken out, and their torso masks.
        width: Components wanted.

    Returns:
        (T, width) float32, mean 0 and deviation 1 over the training frames; zeros where there is less to tell.
    """
    import cv2

    frames = len(footage.video)
    train = footage.video.frame_ids("train")
    train = train[:: max(1, -(-len(train) // SAMPLES))]

    def small(name: str, frame: int) -> Floats:
        picture = getattr(footage.video, name)[frame]
        shrunk = cv2.resize(np.asarray(picture), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, np.float32) / np.float32(255)

    torso = np.mean([small("torso_mask", int(frame)) for frame in train], axis=0)
    head = np.max([small("head_mask", int(frame)) for frame in train], axis=0)
    weight = (torso * (1 - head))[..., None]  # what the head ever hid is painted, and says nothing
    shown = np.stack([(small("torso_frames", int(frame)) * weight).ravel() for frame in train])
    mean = shown.mean(axis=0)
    _, strength, basis = np.linalg.svd(shown - mean, full_matrices=False)
    count = min(width, int((strength > 1e-3 * max(float(strength[0]), len(train) ** 0.5)).sum()))  # less is rounding
    scale = np.maximum(strength[:count], 1e-6) / np.sqrt(len(train))
    motion = np.zeros((frames, width), np.float32)
    for frame in range(frames):
        motion[frame, :count] = ((small("torso_frames", frame) * weight).ravel() - mean) @ basis[:count].T / scale
    return motion.clip(-5, 5)


def from_pose(motion: Floats, poses: Floats, ridge: float = 0.1) -> Floats:
    """Fit the code of the shoulders from the head's pose, for poses that are not the footage's.

    Args:
        motion: (T, M) of the training frames.
        poses: (T, 12) normalised camera poses of the same frames.
        ridge: How much a large coefficient costs, per frame.

    Returns:
        (13, M); the last row is the constant.
    """
    with_constant = np.concatenate([poses, np.ones_like(poses[:, :1])], axis=1).astype(np.float64)
    normal = with_constant.T @ with_constant + ridge * len(with_constant) * np.eye(13)
    return np.asarray(np.linalg.solve(normal, with_constant.T @ motion), np.float32)
