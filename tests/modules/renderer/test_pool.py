"""Frames rendered side by side are those rendered one by one."""

from __future__ import annotations

import pytest
import torch

from modules.renderer.inference import FrameRenderer
from modules.renderer.pool import render_side_by_side
from tests.modules.renderer.made import ball, jobs, make


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_side_by_side_gives_the_same_pictures_in_order(workers):
    renderer = ball(make(2)).eval()
    frames = FrameRenderer(renderer)
    work = jobs(renderer, frames, 11)
    threads = torch.get_num_threads()
    got = list(render_side_by_side(frames, work, workers))
    assert torch.get_num_threads() == threads
    assert len(got) == 11
    for job, picture in zip(work, got, strict=True):
        assert torch.equal(picture, frames(*job))


def test_side_by_side_passes_an_error_on_and_may_be_left_early():
    renderer = make(2).eval()
    frames = FrameRenderer(renderer)
    work = jobs(renderer, frames, 3)
    with pytest.raises(IndexError):
        list(render_side_by_side(frames, [*work, (work[0][0], 99, *work[0][2:])], 2))
    pictures = render_side_by_side(frames, iter(work * 100), 2)
    next(pictures)
    pictures.close()
