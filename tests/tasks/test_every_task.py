"""Every registered task, on two made videos' worth of nothing: trains, saves, loads, goes on exactly, draws, infers."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import run
from tasks.checkpoints import checkpoint_files, load_task, read_checkpoint
from tasks.registry import TASKS
from tests.made import make_video_dataset

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = ["max_updates=4", "val_check_interval=2", "tb_log_interval=1", "num_ckpt_keep=5", "num_valid_plots=1"]
MOTION = ["audio_feature=mel", "eval_max_batches=1"]
NERF = [
    "size=32", "upsample=2", "n_rays=64", "plane_size=16", "dynamic_size=8", "grid_size=8", "n_bases=2",
    "plane_channels=4", "decoder_width=8", "n_samples_per_ray=4", "n_samples_per_ray_fine=2", "eval_max_batches=1",
]  # fmt: skip
SMALL = {
    "syncnet": [*MOTION, "sync_clips=16", "width=32"],
    "lm3d_vae_sync": MOTION,
    "postnet": [*MOTION, "width=16", "critic_width=16", "sync_clips=16"],
    "lm3d_nerf": NERF,
    "lm3d_nerf_torso": NERF,
}
ORDER = list(SMALL)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Make a video and a place for runs; the tests of this file run in the tasks' order and build on each other."""
    folder = tmp_path_factory.mktemp("house")
    make_video_dataset(folder / "binary/made", frames=150, size=64)
    return folder


def words(house: Path, name: str, exp: str = "") -> list[str]:
    recipe = ROOT / f"egs/datasets/videos/person_small/{name}.yaml"
    out = [f"--config={recipe}", f"--exp_name={house / 'runs' / (exp or name)}", "--video_id=made"]
    key = "person_binary_data_dir" if name in ("syncnet", "lm3d_vae_sync", "postnet") else "binary_data_dir"
    settings = [*ALWAYS, *SMALL[name], f"{key}={house / 'binary'}"]
    if name in ("lm3d_vae_sync", "postnet"):
        settings.append(f"syncnet_work_dir={house / 'runs/syncnet'}")
    if name == "postnet":
        settings.append(f"audio2motion_work_dir={house / 'runs/lm3d_vae_sync'}")
    if name == "lm3d_nerf_torso":
        settings.append(f"head_model_dir={house / 'runs/lm3d_nerf'}")
    for setting in settings:
        out += ["--set", setting]
    return out


def test_every_task_is_tested_here_or_in_a_sibling():
    siblings = [path.stem for path in Path(__file__).parent.glob("test_every_*_task.py")]
    covered = {name for stem in siblings for name in importlib.import_module(f"tests.tasks.{stem}").COVERS}
    assert set(ORDER) | covered == set(TASKS) - {"toy"}


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.xdist_group("every_task")
def test_a_task_trains_saves_loads_and_goes_on_exactly(house, name):
    assert run.main(words(house, name)) == 0
    whole = house / "runs" / name
    assert list(checkpoint_files(whole)) == [2, 4]
    task = load_task(whole)
    assert not task.training
    assert task.updates == 4
    assert task.data_fingerprint

    broken = house / "runs" / f"{name}_broken"
    broken.mkdir()
    shutil.copy(whole / "model_ckpt_steps_2.ckpt", broken)
    assert run.main(words(house, name, broken.name)) == 0
    first, second = (read_checkpoint(folder / "last.ckpt") for folder in (whole, broken))
    for key, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][key]), key


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.xdist_group("every_task")
def test_a_task_draws_pictures(house, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(house / "runs" / name / "tb_logs"), size_guidance={"images": 0})
    events.Reload()
    assert events.Tags()["images"], "a task shows pictures, not only curves"
    scalars = events.Tags()["scalars"]
    assert any(tag.startswith("tr/") for tag in scalars)
    assert any(tag.startswith("val/") for tag in scalars)


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.xdist_group("every_task")
def test_validation_gives_the_same_figures_twice(house, name, capsys):
    outputs = []
    for _ in range(2):
        assert run.main([*words(house, name), "--validate"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert "val/" in outputs[0]
    assert np.isfinite([float(line.split()[-1]) for line in outputs[0].splitlines()]).any()
