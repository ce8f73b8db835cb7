"""A recipe's network, and the length of a template that a checkpoint's network takes."""

from __future__ import annotations

import pytest

from modules.face_space import FaceSpace
from modules.template_decoder import TemplateDecoder
from tasks.template_to_face.config import TemplateDecoderConfig
from tasks.template_to_face.networks import make_network, side_of, width_in
from utils.errors import DataError

KINDS = [("light", TemplateDecoder, 112), ("naive", TemplateDecoder, 128), ("face_space", FaceSpace, 112)]


@pytest.mark.parametrize(("name", "kind", "side"), KINDS)
def test_a_checkpoint_says_how_long_its_templates_are(name, kind, side):
    config = TemplateDecoderConfig(task_cls="template_decoder", network=name)
    network = make_network(config, 24)
    assert isinstance(network, kind)
    assert side_of(config) == side
    assert width_in({f"model.{key}": value for key, value in network.state_dict().items()}) == network.width == 24


def test_another_checkpoint_is_refused():
    with pytest.raises(DataError, match="no network that makes a face of a template"):
        width_in({})


def test_a_face_space_makes_rgb_alone():
    with pytest.raises(ValueError, match="face_space makes RGB: leave out mean, std, swap_red_blue"):
        TemplateDecoderConfig(task_cls="template_decoder", network="face_space", swap_red_blue=True)
