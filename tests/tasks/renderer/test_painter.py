"""A painter draws what the whole render shows, over what background it is given, at sizes that make sense."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tests.tasks.renderer.small import pictures, settings
from utils.errors import ConfigError


@pytest.fixture
def task(video):
    torch.manual_seed(0)
    task = Lm3dNerfTask(settings(video))
    task.prepare()
    return task


def test_a_stretch_is_painted_as_the_whole_is_rendered(task):
    footage, wanted = task.footage, [4, 5]
    painted = task.painter().paint(footage.landmarks[:8], wanted, footage.cameras[wanted], np.array(wanted))
    assert np.array_equal(np.stack(list(painted)), pictures(task, 8)[wanted])


def test_the_background_is_seen_where_the_person_is_not(task):
    footage = task.footage
    green = np.full((1, 1, 3), (0, 177, 64), np.uint8)
    (picture,) = task.painter(background=green).paint(footage.landmarks[:1], [0], footage.cameras[:1], np.array([0]))
    plain = pictures(task, 1)[0]
    assert picture.shape == plain.shape
    assert (picture != plain).any()


def test_a_picture_of_a_size_that_makes_no_sense_is_refused(task):
    with pytest.raises(ConfigError) as error:
        task.painter(scale=0.1)
    assert str(error.value) == (
        "infer_scale_factor = 0.1: the picture would have 6 x 6 pixels; 8 to 8192 a side can be drawn"
    )
