"""Every registered task, on two made videos' worth of nothing: trains, saves, loads, goes on exactly, draws, infers."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from tasks.core.checkpoints import find_checkpoint
from tasks.registry import TASKS
from tests.made import make_video_dataset
from tests.tasks import promises

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = ["max_updates=4", "val_check_interval=2", "tb_log_interval=1", "num_ckpt_keep=5", "num_valid_plots=1"]
MOTION = ["audio_feature=mel", "eval_max_batches=1", "batch_size=4"]
NERF = [
    "size=32", "upsample=2", "n_rays=64", "plane_size=16", "dynamic_size=8", "grid_size=8", "n_bases=2",
    "plane_channels=4", "decoder_width=8", "n_samples_per_ray=4", "n_samples_per_ray_fine=2", "eval_max_batches=1",
]  # fmt: skip
SMALL = {
    "syncnet": [*MOTION, "sync_clips=16", "width=32"],
    "lm3d_vae_sync": [*MOTION, "hidden_size=16", "condition_size=8", "direct_size=16"],
    "postnet": [*MOTION, "width=16", "critic_width=16", "sync_clips=16"],
    "lm3d_nerf": NERF,
    "lm3d_nerf_torso": NERF,
    "lm3d_nerf_portrait": [*NERF, "portrait_width=4"],
}
ORDER = list(SMALL)


@pytest.fixture(scope="module")
def house(module_path):
    """Make a video and a place for runs; the tests run in order and build on each other (pytest --dist loadfile)."""
    make_video_dataset(module_path / "binary/made", frames=150, size=64)
    return module_path


def words(house: Path, name: str, exp: str = "") -> list[str]:
    recipe = ROOT / f"egs/datasets/videos/person_small/{name}.yaml"
    out = [f"--config={recipe}", f"--exp_name={house / 'runs' / (exp or name)}", "--video_id=made"]
    key = "person_binary_data_dir" if name in ("syncnet", "lm3d_vae_sync", "postnet") else "binary_data_dir"
    settings = [*ALWAYS, *SMALL[name], f"{key}={house / 'binary'}"]
    if name in ("lm3d_vae_sync", "postnet"):
        settings.append(f"syncnet_work_dir={house / 'runs/syncnet'}")
    if name == "postnet":
        settings.append(f"audio2motion_work_dir={house / 'runs/lm3d_vae_sync'}")
    if name in ("lm3d_nerf_torso", "lm3d_nerf_portrait"):
        settings.append(f"head_model_dir={house / 'runs/lm3d_nerf'}")
    for setting in settings:
        out += ["--set", setting]
    return out


def test_every_task_is_tested_here_or_in_a_sibling():
    siblings = [path.stem for path in Path(__file__).parent.glob("test_every_*_task.py")]
    covered = {name for stem in siblings for name in importlib.import_module(f"tests.tasks.{stem}").COVERS}
    assert set(ORDER) | covered == set(TASKS) - {"toy"}


@pytest.mark.parametrize("name", ORDER)
def test_a_task_trains_saves_loads_and_goes_on_exactly(house, name):
    promises.trains_saves_loads_and_goes_on_exactly(lambda exp: words(house, name, exp), house / "runs" / name)


@pytest.mark.parametrize("name", ORDER)
def test_a_task_draws_pictures(house, name):
    promises.draws_pictures_and_curves(house / "runs" / name)


@pytest.mark.parametrize("name", ORDER)
def test_validation_gives_the_same_figures_twice(house, name, capsys):
    promises.validates_twice_alike(words(house, name), capsys)


def test_postnet_scores_every_validation_and_uses_the_chosen_step(house):
    folder = house / "runs/postnet"
    told = json.loads((folder / "selection.json").read_text())
    assert [row["step"] for row in told["validations"]] == [2, 4]
    assert told["chosen"] in (2, 4)
    assert (folder / "selection.png").is_file()
    assert find_checkpoint(folder, "best").name == f"model_ckpt_steps_{told['chosen']}.ckpt"
    broken = json.loads((house / "runs/postnet_broken/selection.json").read_text())
    assert broken["validations"] == told["validations"][1:], "only the second half was run there"
