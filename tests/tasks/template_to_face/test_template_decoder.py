"""A decoder's step size falls along a cosine, its width is the checkpoint's, and dlib gives it no gradient."""

from __future__ import annotations

import pytest
import torch

from tasks.template_to_face.config import TemplateDecoderConfig
from tasks.template_to_face.template_decoder import TemplateDecoderTask
from utils.errors import ConfigError, DataError
from utils.faces.recogniser import RecogniserId


def task(tmp_path, **settings):
    return TemplateDecoderTask(
        TemplateDecoderConfig(task_cls="template_decoder", network="light", binary_data_dir=str(tmp_path), **settings)
    )


def test_the_step_size_falls_to_a_hundredth_along_a_cosine(tmp_path):
    decoder = task(tmp_path, max_updates=100)
    assert [decoder.schedule(update) for update in (0, 50, 100, 900)] == pytest.approx([1, 0.505, 0.01, 0.01])


@torch.no_grad()
def test_only_the_direction_of_a_template_counts_unless_told_otherwise(tmp_path):
    decoder = task(tmp_path).eval()
    template = torch.randn(1, 512, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(decoder.decode(template), decoder.decode(3 * template), atol=1e-4, rtol=1e-4)
    assert decoder.decode(template).shape == (1, 3, 112, 112)


def test_it_remembers_whose_templates_it_reads(tmp_path):
    first, second = task(tmp_path), task(tmp_path)
    assert first.extra_state()["recogniser"] is None
    first.recogniser = RecogniserId(name="little", sha256="a" * 64, width=512)
    second.on_load_extra(first.extra_state())
    assert second.recogniser == first.recogniser


def test_what_cannot_be_trained_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"weights\.adv wants accumulate_grad_batches = 1: two networks"):
        task(tmp_path, weights={"adv": 0.01}, accumulate_grad_batches=2)
    with pytest.raises(DataError, match=str(tmp_path)):
        task(tmp_path).prepare()
