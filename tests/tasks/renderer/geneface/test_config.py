"""Settings of imported renderers agree with the networks that they make."""

from __future__ import annotations

from typing import get_args

from modules.renderer.geneface.nerf import CHUNK
from modules.renderer.geneface.tiled_grid import GridType, Interpolation
from tasks.renderer.geneface.config import GenefaceNerfConfig, GenefaceRadnerfConfig


def test_what_the_settings_offer_is_what_the_networks_know():
    fields = GenefaceRadnerfConfig.model_fields
    assert get_args(fields["grid_type"].annotation) == get_args(GridType)
    assert get_args(fields["grid_interpolation_type"].annotation) == get_args(Interpolation)
    assert GenefaceNerfConfig(task_cls="geneface_nerf").chunk == CHUNK
