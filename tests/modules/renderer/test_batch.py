"""Frames rendered in batches are those rendered one by one."""

from __future__ import annotations

import pytest
import torch

from modules.renderer import inference
from modules.renderer.batch import BatchRenderer, Inputs, render_in_batches
from modules.renderer.inference import FrameRenderer
from tests.modules.renderer.made import ball, jobs, make


@pytest.fixture(autouse=True)
def as_far_as_the_decoder_sees(monkeypatch):
    """A decoder of random numbers shows more of what lies around a picture than a trained one does."""
    monkeypatch.setattr(inference, "MARGIN", 8)


@pytest.mark.parametrize("torso", [False, True])
@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_a_batch_of_fixed_capacity_gives_the_pictures_one_by_one(upsample, torso):
    renderer = ball(make(upsample, torso=torso, height=40, width=28)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32, loops=False)
    work = jobs(renderer, frames, 5)
    got = list(render_in_batches(frames, work, 3))
    assert len(got) == 5
    for job, picture in zip(work, got, strict=True):
        assert (picture.int() - frames(*job).int()).abs().max() <= 1


def test_a_batch_without_room_for_its_rays_is_rendered_again_with_more():
    renderer = ball(make(1)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32, loops=False)
    code, _, landmarks, camera, backdrop, _ = jobs(renderer, frames, 1)[0]
    batch = BatchRenderer(frames, 1, capacity=0.01)
    small = batch.capacity
    got = batch(Inputs(code.code, code.weights, landmarks[None], camera[None], backdrop[None]))
    assert batch.capacity > small
    assert torch.equal(got[0], frames(code, 0, landmarks, camera, backdrop))


def test_a_batch_never_waits_for_the_device(monkeypatch):
    """Whatever turns a tensor into a number or a shape would break a recorded graph."""
    renderer = ball(make(2, torso=True)).eval()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    code, _, landmarks, camera, backdrop, _ = jobs(renderer, frames, 1)[0]
    batch = BatchRenderer(frames, 1)
    given = Inputs(code.code, code.weights, landmarks[None], camera[None], backdrop[None])
    calls = []
    for name in ("item", "nonzero", "tolist", "__bool__", "__int__", "__float__", "__index__", "cpu", "numpy"):
        true = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda *a, _n=name, _t=true, **k: (calls.append(_n), _t(*a, **k))[1])
    with torch.inference_mode():
        batch.draw(given)
    assert not calls


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_recorded_graph_replays_other_frames():
    renderer = ball(make(2, torso=True)).eval().cuda()
    frames = FrameRenderer(renderer, dtype=torch.float32)
    work = [tuple(x.cuda() if isinstance(x, torch.Tensor) else x for x in job) for job in jobs(renderer, frames, 6)]
    for job, picture in zip(work, render_in_batches(frames, work, 2), strict=True):
        assert (picture.int() - frames(*job).int()).abs().max() <= 2
