"""A renderer small enough to train in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data_gen.video.dataset import open_video

SMALL: dict[str, Any] = {
    "size": 64, "upsample": 2, "n_rays": 400, "n_frames": 1, "n_bases": 3, "plane_size": 24, "dynamic_size": 12,
    "grid_size": 16, "plane_channels": 8, "decoder_width": 8, "n_samples_per_ray": 8, "n_samples_per_ray_fine": 4,
    "eval_max_batches": 2, "num_valid_plots": 1, "val_check_interval": 2, "tb_log_interval": 1,
}  # fmt: skip


def settings(video: Path, **others: Any) -> dict[str, Any]:
    task = "lm3d_nerf_torso" if "head_model_dir" in others else "lm3d_nerf"
    return {**SMALL, "task_cls": task, "video_id": video.name, "binary_data_dir": str(video.parent)} | others


def pictures(task: Any, count: int = 3, **others: Any) -> np.ndarray:
    footage = task.footage
    ids = np.arange(count)
    return np.stack(list(task.render(footage.landmarks[:count], footage.cameras[:count], ids, **others)))


def task_video(path: Path) -> Any:
    return open_video(path)
