"""Does the head's pose leak into the face? What `data_gen/video` finds for a processed video, step by step.

    python -m tests.benchmarks.pose ID [ID ...] [--processed_dir data/processed/videos]

A jaw does not slide when a head nods. Where it seems to, a part of the nod was taken for something else. For the poses
of the bundle adjustment, for those refined by the picture, and for MediaPipe's own pose in their place (a rigid fit of
its whole mesh, when its weights are here), a row says, of what remains after a Gaussian of 12 frames:

- pitch (degrees) and depth (per cent): how much the pose varies; the slope of MediaPipe's pitch on it (1: alike);
- chin, mouth: spread of their height in the head's frame, tenths of an eye distance, and the share of its variance that
  a linear fit tells from the pose (0: nothing leaks; 1: it is all pose).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.video.pose.bundle_adjustment import RIGID_POINTS
from data_gen.video.pose.photometric import refine_pose
from data_gen.video.pose.tracking import CameraFit, fit_camera
from utils.assets import asset_path
from utils.camera import invert, make_transform, nearest_rotation
from utils.faces.detectors import mediapipe_is_here
from utils.files.arrays import load_arrays
from utils.shots import smooth_over_time

Floats = NDArray[np.floating[Any]]
CHIN, MOUTH = slice(8, 9), slice(48, 68)


def mediapipe_poses(frames: NDArray[np.uint8]) -> Floats:
    """Return MediaPipe's own camera-from-head poses (T, 4, 4) of its canonical face; frames without one: the last."""
    import mediapipe
    from mediapipe.tasks.python.core.base_options import BaseOptions
    from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions

    options = FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(asset_path("face_landmarker"))),
        output_facial_transformation_matrixes=True,
    )
    found: list[Floats] = []
    with FaceLandmarker.create_from_options(options) as landmarker:
        for frame in frames:
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
            seen = landmarker.detect(image).facial_transformation_matrixes
            found.append(np.array(seen[0], float) if len(seen) else found[-1])
    return np.stack(found)


def with_mediapipe(fit: CameraFit, theirs: Floats, points_px: Floats) -> CameraFit:
    """Turn and move the head in depth as MediaPipe says; its place in the picture stays that of the rigid points."""
    rotation, place = split(fit)
    turn = nearest_rotation(np.einsum("tji,tjk->ik", theirs[:, :3, :3], rotation))
    rotation = theirs[:, :3, :3] @ turn
    depth = place[:, 2].mean() * theirs[:, 2, 3] / theirs[:, 2, 3].mean()
    face = rotation @ fit.neutral[RIGID_POINTS].astype(float).T
    scale = -(face[:, 2] + depth[:, None]) / fit.focal_px
    x = ((points_px[:, RIGID_POINTS, 0] - fit.width / 2) * scale - face[:, 0]).mean(axis=1)
    y = ((fit.height / 2 - points_px[:, RIGID_POINTS, 1]) * scale - face[:, 1]).mean(axis=1)
    return fit.with_poses(invert(make_transform(rotation, np.stack([x, y, depth], axis=1))), points_px)


def split(fit: CameraFit) -> tuple[Floats, Floats]:
    """Return rotation (T, 3, 3) and place (T, 3) of the head in the camera's frame."""
    camera = invert(fit.world_from_camera.astype(float))
    return camera[:, :3, :3], camera[:, :3, 3]


def angles(rotation: Floats) -> Floats:
    """Return pitch, yaw and roll (T, 3) in degrees."""
    pitch = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    yaw = np.arcsin(np.clip(-rotation[:, 2, 0], -1, 1))
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], axis=1))


def leak(fit: CameraFit) -> dict[str, float]:
    """Measure one row: see the head of this file."""
    rotation, place = split(fit)
    pose = np.column_stack([angles(rotation), -100 * np.log(-place[:, 2])])
    pose = smooth_over_time(pose - pose.mean(axis=0), 12.0)
    found = {"pitch": float(pose[:, 0].std()), "depth": float(pose[:, 3].std())}
    for name, points in (("chin", CHIN), ("mouth", MOUTH)):
        height = fit.landmarks[:, points, 1].astype(float).mean(axis=1)
        height = smooth_over_time(height - height.mean(), 12.0)
        told = pose @ np.linalg.lstsq(pose, height, rcond=None)[0]
        found |= {name: float(height.std()), f"{name}_told": float(1 - (height - told).var() / height.var())}
    return found


def rows(folder: Path) -> dict[str, dict[str, float]]:
    """Find the poses of a processed video anew, in every way."""
    track = load_arrays(folder / "landmarks" / "arrays.safetensors")
    frames = open_pictures(folder / "convert", "frames", "Process the video again.")
    cuts = json.loads((folder / "cuts" / "stage.json").read_text())["summary"]["cuts"]
    points = track["points_px"].astype(float)
    fit = fit_camera(points, track["found"].astype(bool), frames.shape[1], frames.shape[2], cuts)
    fits = {"bundle adjustment": fit, "refined by the picture": refine_pose(frames, fit, cuts)}
    if not mediapipe_is_here():
        return {name: leak(one) for name, one in fits.items()}
    theirs = mediapipe_poses(frames)
    fits["MediaPipe's pose"] = with_mediapipe(fit, theirs, points)
    slow = {name: smooth_over_time(angles(split(one)[0])[:, 0], 12.0) for name, one in fits.items()}
    pitch = smooth_over_time(angles(theirs[:, :3, :3])[:, 0], 12.0)
    return {name: leak(one) | {"slope": float(np.polyfit(slow[name], pitch, 1)[0])} for name, one in fits.items()}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and print a table in Markdown."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("ids", nargs="+", metavar="ID")
    words.add_argument("--processed_dir", type=Path, default=Path("data/processed/videos"))
    given = words.parse_args(arguments)
    heads = ("video", "poses", "pitch", "depth", "MediaPipe's pitch on it", "chin, told by pose", "mouth, told by pose")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for video in given.ids:
        for name, found in rows(given.processed_dir / video).items():
            slope = f"{found['slope']:.2f}" if "slope" in found else ""
            parts = [f"{found[part]:.3f}, {found[f'{part}_told']:.0%}" for part in ("chin", "mouth")]
            line = (video, name, f"{found['pitch']:.2f}", f"{found['depth']:.2f} %", slope, *parts)
            print(f"| {' | '.join(line)} |", flush=True)


if __name__ == "__main__":
    main()
