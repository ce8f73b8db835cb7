"""A person's runs: the first that is trained, or the command that trains it."""

from __future__ import annotations

import pytest

from tasks.core import checkpoints
from tasks.person.runs import HEARING, NEEDS, RENDERERS, STAGES, find_run
from utils.errors import DataError


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "checkpoints"


def train(folder):
    folder.mkdir(parents=True)
    (folder / "model_ckpt_steps_5.ckpt").touch()


def test_the_first_trained_run_is_found(house):
    train(house / "May/lm3d_nerf")
    assert find_run("May", RENDERERS).resolve() == house / "May/lm3d_nerf"
    train(house / "May/lm3d_nerf_torso")
    assert find_run("May", RENDERERS).resolve() == house / "May/lm3d_nerf_torso"


def test_what_is_not_trained_is_said_with_who_is_and_the_command(house):
    train(house / "May/lm3d_nerf")
    (house / "Obama").mkdir()
    with pytest.raises(DataError) as error:
        find_run("Obama", RENDERERS)
    assert str(error.value).startswith("No trained lm3d_nerf_torso for 'Obama' in ")
    assert str(error.value).endswith(" Trained: May. Train it: bash scripts/train_talking_head.sh Obama")


def test_every_stage_comes_after_what_it_needs():
    for stage, needs in NEEDS.items():
        assert all(STAGES.index(earlier) < STAGES.index(stage) for earlier in needs)
    assert set(HEARING) <= set(STAGES)
