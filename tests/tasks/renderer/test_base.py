"""What head and torso share: rendering is the same every time, validation judges boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.core.trainer import validate
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tests.tasks.renderer.small import pictures, settings
from utils.errors import ConfigError


def test_rendering_is_the_same_in_pieces_and_twice(video):
    torch.manual_seed(0)
    task = Lm3dNerfTask(settings(video))
    task.prepare()
    first = pictures(task, 6)
    assert np.array_equal(first, pictures(task, 6, batch=2))
    assert pictures(task, 2, scale=0.5).shape == (2, 32, 32, 3)
    assert pictures(task, 1, scale=1.75).shape == (1, 112, 112, 3)


def test_validation_judges_boxes(video):
    found = validate(Lm3dNerfTask(settings(video)))
    assert {"val/face_psnr", "val/mouth_psnr", "val/eyes_psnr", "val/head_psnr", "val/face_ssim"} <= set(found)


def test_whose_renderer_it_is_must_be_said(video):
    with pytest.raises(ConfigError, match="video_id is empty"):
        Lm3dNerfTask(settings(video, video_id="")).prepare()


def test_a_network_that_is_kept_outside_is_in_no_checkpoint_and_moves_along(video):
    task = Lm3dNerfTask(settings(video))
    names = set(task.state_dict())
    judge = torch.nn.Linear(2, 2)
    task.keep_outside("_perceptual", judge)
    assert set(task.state_dict()) == names
    assert not any(parameter is judge.weight for parameter in task.parameters())
    task.double()
    assert judge.weight.dtype == torch.float64
    task.keep_outside("_perceptual", None)
    task.float()
    assert judge.weight.dtype == torch.float64
