"""A whole chain of tiny, untrained runs, as `TalkingHead.load` expects them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.registry import task_class
from tests.made import make_video_dataset, write_tone

MOTION = {"audio_feature": "mel", "eval_max_batches": 1}
NERF = {
    "size": 32, "upsample": 2, "plane_size": 16, "dynamic_size": 8, "grid_size": 8, "n_bases": 2, "plane_channels": 4,
    "decoder_width": 8, "n_samples_per_ray": 4, "n_samples_per_ray_fine": 2,
}  # fmt: skip
SMALL = {
    "syncnet": {**MOTION, "width": 32},
    "lm3d_vae_sync": {**MOTION, "hidden_size": 16, "condition_size": 8},
    "postnet": {**MOTION, "width": 16, "critic_width": 16},
    "lm3d_nerf": NERF,
    "lm3d_nerf_torso": NERF,
    "lm3d_nerf_portrait": {**NERF, "portrait_width": 4},
}


def make_house(folder: Path, size: int = 32) -> Path:
    """Make a video, voice.wav of 1.5 s, and six runs that know the video's statistics in a folder, and return it.

    They are made once a process and size, and copied.
    """
    shutil.copytree(_made_once(size), folder, dirs_exist_ok=True)
    return folder


@functools.cache
def _made_once(size: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pytest-house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _fill(size)
    return folder


def _fill(size: int) -> None:
    make_video_dataset(Path("data/binary/videos/made"), frames=60, size=size)
    write_tone(Path("voice.wav"), 0.3 * np.sin(np.arange(24000) / 20) * np.sin(np.arange(24000) / 3000))
    Path("checkpoints").mkdir()
    for name, settings in SMALL.items():
        kind = task_class(name)
        torch.manual_seed(1)
        settings = {**settings, "size": size} if "size" in settings else settings
        task = kind(kind.schema(task_cls=name, video_id="made", **settings))
        task.prepare()
        run = Path("checkpoints/made") / name
        run.mkdir(parents=True)
        recipe = task.cfg.model_dump(mode="json")
        kept = {"updates": 1, "recipe": recipe, "extra": task.extra_state()}
        torch.save({"state_dict": task.state_dict(), "vizeme": kept}, run / "model_ckpt_steps_1.ckpt")
