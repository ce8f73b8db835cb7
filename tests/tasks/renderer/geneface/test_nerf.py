"""GeneFace's NeRF is there to render, and says so when it is asked for more."""

from __future__ import annotations

import pytest

from tasks.renderer.geneface.nerf import GenefaceNerfConfig, GenefaceNerfTask
from utils.errors import ConfigError


def test_an_imported_renderer_is_not_trained_here():
    task = GenefaceNerfTask(GenefaceNerfConfig(task_cls="geneface_nerf"))
    with pytest.raises(ConfigError) as error:
        task.prepare()
    assert str(error.value) == (
        "geneface_nerf is imported for rendering and cannot be trained here. Train a head of your own: "
        "python tasks/run.py --config=egs/datasets/videos/person/lm3d_nerf.yaml"
    )
    with pytest.raises(ConfigError, match="video_id is empty: say whose cameras and background are wanted"):
        task.scene()
