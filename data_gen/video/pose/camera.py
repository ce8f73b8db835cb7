"""Find the camera's path through a video: from the landmarks first, then steadied by the picture itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data_gen.stages import Tick
from data_gen.video.pose.photometric import refine_pose
from data_gen.video.pose.tracking import fit_camera
from data_gen.video.stage import Bench
from utils.files.arrays import save_arrays

CAMERA_VERSION = 2
_ROUNDS = 2


def camera_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write poses, pose-free landmarks and the neutral face; return the focal length and how steady it all is."""
    frames, track = bench.pictures("convert", "frames"), bench.arrays("landmarks")
    cuts = bench.cuts()
    count, height, width = frames.shape[:3]
    fit = fit_camera(track["points_px"], track["found"].astype(bool), height, width, cuts)
    fit = refine_pose(frames, fit, cuts, rounds=_ROUNDS, on_frame=lambda done: tick(done, (_ROUNDS + 1) * count))
    arrays: dict[str, np.ndarray] = {
        "landmarks": fit.landmarks,
        "world_from_camera": fit.world_from_camera,
        "neutral": fit.neutral,
        "reprojection_px": fit.reprojection_px,
    }
    save_arrays(folder / "arrays.safetensors", arrays)
    return {
        "focal_px": fit.focal_px,
        "reprojection_px": float(fit.reprojection_px[bench.kept()].mean()),
        "pose_jitter_px": fit.pose_jitter_px,
        "patch_shift_px": fit.patch_shift_px,
        "patch_jitter_px": fit.patch_jitter_px,
    }
