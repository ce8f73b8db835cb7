"""GeneFace's RAD-NeRF, in its own files, is imported with every tensor accounted for, and renders."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.core.checkpoints import read_checkpoint
from tasks.core.loading import load_task
from tasks.import_checkpoint import main
from tasks.renderer.geneface.scene import open_scene
from tests.tasks.exchange import geneface_files as files
from utils.errors import DataError


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = files.save_dataset(tmp_path_factory.mktemp("May") / "trainval_dataset.npy", size=24)
    assert main([str(path)]) == 0
    return open_scene(path.with_name("geneface_scene.safetensors"))


def imported(path, exp):
    assert main([str(path), f"--exp_name={exp}"]) == 0
    return load_task(exp)


def test_a_head_is_rendered_over_the_background(tmp_path, scene):
    task = imported(files.save_radnerf(tmp_path / "May" / "lm3d_radnerf" / "x.ckpt"), tmp_path / "run")
    assert (task.cfg.task_cls, task.cfg.video_id, task.cfg.torso) == ("geneface_radnerf", "May", False)
    left_out = read_checkpoint(tmp_path / "run" / "last.ckpt")["vizeme"]["imported"]["left_out"]
    told = {"aabb_train", "density_grid", "step_counter"}
    assert told <= {name.removeprefix("state_dict.model.") for name in left_out}
    assert "state_dict.criterion_lpips.lin0.model.1.weight" in left_out
    still = np.zeros((3, 68, 3), np.float32)
    frames = list(task.render(still, None, scene))
    changed = (frames[0] != scene.background).any(axis=2)
    assert changed[12, 12], "the head is in the middle"
    assert not changed[0].any(), "and does not reach the edge"
    assert (frames[0] == next(task.render(still, None, scene))).all()
    assert (frames[0] != frames[2]).any(), "the camera goes round"
    moved = next(task.render(still + 5, None, scene))
    assert (moved != frames[0]).any(), "the landmarks are seen"


def test_a_torso_is_rendered_behind_the_head(tmp_path, scene):
    task = imported(files.save_radnerf(tmp_path / "x.ckpt", torso=True, head_aware=True), tmp_path / "run")
    assert task.cfg.torso
    assert task.cfg.torso_head_aware
    changed = (next(task.render(np.zeros((1, 68, 3), np.float32), None, scene)) != scene.background).any(axis=2)
    assert changed[-1].mean() > 0.9, "the plane holds something in its lower half"
    assert not changed[0].any()


def test_the_speech_driven_baseline_is_told_by_its_width(tmp_path, scene):
    task = imported(files.save_radnerf(tmp_path / "x.ckpt", channels=44, smooth=8), tmp_path / "run")
    assert (task.cfg.cond_type, task.cfg.smo_win_size, task.speech_shape()) == ("esperanto", 8, (16, 44))
    picture = next(task.render(None, np.zeros((1, 16, 44), np.float32), scene))
    assert (picture != scene.background).any()


def test_settings_of_the_original_are_taken_over_and_another_layout_refused(tmp_path):
    path = files.save_radnerf(tmp_path / "hash" / "x.ckpt")
    (path.parent / "config.yaml").write_text("grid_type: hashgrid\ntorso_shrink: 0.75\nwith_att: false\n")
    task = imported(path, tmp_path / "run")
    assert (task.cfg.grid_type, task.cfg.torso_shrink, task.cfg.with_att) == ("hashgrid", 0.75, False)
    content = torch.load(path, weights_only=True)
    content["state_dict"]["model"]["ambient_embedder.offsets"][3] += 8
    with pytest.raises(DataError, match=r"model.ambient_embedder.offsets is not the layout of a grid"):
        imported(files.save(tmp_path / "other.ckpt", content), tmp_path / "other")
