"""Tasks that only render with imported weights; tests/tasks/exchange/ tries them on files of the originals."""

from __future__ import annotations

import pytest

from tasks.registry import task_class
from utils.errors import ConfigError

COVERS = ("geneface_nerf", "geneface_radnerf")


@pytest.mark.parametrize("name", COVERS)
def test_training_is_refused_before_anything_is_written(name):
    task = task_class(name)({"task_cls": name})
    with pytest.raises(ConfigError, match=f"{name} is imported for rendering and cannot be trained here"):
        task.prepare()
    with pytest.raises(ConfigError, match="video_id is empty"):
        task.scene()


@pytest.mark.parametrize("name", COVERS)
def test_every_missing_setting_of_inference_is_named(name):
    with pytest.raises(ConfigError, match="--infer needs infer_cond_name and infer_out_video_name; give --hparams="):
        task_class(name)({"task_cls": name}).infer()
