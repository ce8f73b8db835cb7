"""A run is loaded by its name, or refused in one line."""

from __future__ import annotations

import re

import pytest
import torch

from tasks import run
from tasks.core.checkpoints import find_checkpoint
from tasks.core.loading import Unfilled, load_task
from tests.tasks.toy import ToyTask
from utils.errors import ConfigError, DataError


def recipe(tmp_path, text=""):
    path = tmp_path / "toy.yaml"
    path.write_text(f"task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 1\n{text}")
    return str(path)


def test_settings_of_another_network_are_refused_in_one_line(toy, tmp_path):
    path, exp = recipe(tmp_path), f"--exp_name={tmp_path / 'exp'}"
    run.main([f"--config={path}", exp])
    with pytest.raises(ConfigError, match=r"another network than these settings make \(width=9\)"):
        run.main([f"--config={path}", exp, "--infer", "--width", "9"])


@pytest.mark.parametrize(
    ("exp", "command"),
    [
        ("lrs3/syncnet", "--config=egs/datasets/lrs3/lm3d_syncnet.yaml --exp_name=lrs3/syncnet"),
        ("checkpoints/May/lm3d_nerf", "--config=egs/datasets/videos/May/lm3d_nerf.yaml --exp_name=May/lm3d_nerf"),
        ("anna/postnet", "--config=egs/datasets/videos/person/postnet.yaml --exp_name=anna/postnet --video_id=anna"),
        ("anna/tuesday", "--config=<recipe> --exp_name=anna/tuesday"),
    ],
)
def test_an_untrained_stage_names_the_command_that_trains_it(tmp_path, monkeypatch, exp, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(DataError, match=re.escape(f"Train it first: python tasks/run.py {command}") + "$"):
        load_task(exp)


def test_numbers_are_not_drawn_where_weights_are_laid_over_them():
    with Unfilled():
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 4)
        drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1)), "the layer took none of the seed's numbers"
    assert layer.weight.shape == (4, 3)
    assert layer.weight.requires_grad


def test_a_network_larger_than_its_weights_is_refused_before_it_takes_memory(toy, tmp_path, monkeypatch):
    """A stranger's recipe says how large: eight billion weights here, beside a file of a few."""
    run.main([f"--config={recipe(tmp_path)}", f"--exp_name={tmp_path / 'exp'}"])
    file = find_checkpoint(tmp_path / "exp", "last")
    checkpoint = torch.load(file, weights_only=True)
    built = []
    monkeypatch.setattr(ToyTask, "__init__", noting(ToyTask.__init__, built))
    load_task(file)
    assert built == ["meta", "cpu"]
    checkpoint["vizeme"]["recipe"]["width"] = 10**9
    torch.save(checkpoint, file)
    with pytest.raises(DataError, match="is not of the network that its recipe describes"):
        load_task(file)
    assert built == ["meta", "cpu", "meta"]


def noting(make, built):
    """Note on which device each network is made."""

    def made(self, *arguments):
        make(self, *arguments)
        built.append(next(self.parameters()).device.type)

    return made
