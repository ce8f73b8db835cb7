"""Settings that do not go together build no network."""

from __future__ import annotations

import pytest

from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tests.tasks.renderer.small import settings
from utils.errors import ConfigError


def test_a_backbone_without_a_decoder_takes_no_upsampling_and_a_ray_needs_a_sample(video):
    with pytest.raises(ConfigError, match="set upsample: 1"):
        Lm3dNerfTask(settings(video, backbone="vanilla"))
    with pytest.raises(ConfigError) as error:
        Lm3dNerfTask(settings(video, n_samples_per_ray=0, n_samples_per_ray_fine=0))
    assert str(error.value) == (
        "n_samples_per_ray = 0 and n_samples_per_ray_fine = 0: a ray that is never sampled shows no head; "
        "give one of them at least 1"
    )
