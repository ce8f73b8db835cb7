"""Every task learns, is validated and draws on a GPU, and a person speaks from one: on a GPU that is only pretended."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch

from tasks.person.head import TalkingHead
from tasks.person.runs import STAGES
from tasks.registry import TASKS
from tests.benchmarks.small_steps import SMALL
from tests.fake_gpu import GPU, WrongDevice, fake_gpu, to_gpu
from tests.made_heads import make_house

IMPORTED = {"geneface_nerf", "geneface_radnerf"}
"""Networks that are never trained here."""


def listen(task):
    """Keep what a task tells of its figures, and take Lightning's part for one step."""
    figures = {}
    task.log_dict = lambda told, **_: figures.update(told)
    task.optimizers = lambda **_: (mock.MagicMock(), mock.MagicMock())
    task.step = lambda optimizer, loss, name: figures.update({name: loss})
    task.toggle_optimizer = task.untoggle_optimizer = lambda _: None
    task.lr_schedulers = lambda: []
    task._trainer = SimpleNamespace(validating=False, sanity_checking=False, world_size=1, state=None)
    return figures


def test_every_task_that_learns_is_here():
    assert set(SMALL) == set(TASKS) - IMPORTED - {"toy"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "template_decoder" else ()) for name in SMALL]
)
@torch.no_grad()
def test_a_task_learns_and_is_validated_on_a_gpu(name, monkeypatch):
    """The losses are those of a processor, and every figure lies where processes that train together reduce them."""
    task, batch = SMALL[name]("32")
    monkeypatch.setattr("pytorch_lightning.LightningModule.trainer", property(lambda self: self._trainer))
    plain = copy.deepcopy(task)
    figures = listen(plain)
    plain._parts = lambda batch: 1  # frames that are learnt on threads draw their jitter each for itself
    torch.manual_seed(0)
    plain.training_step(batch, 0)
    with fake_gpu():
        task.to(GPU)
        on_gpu = listen(task)
        torch.manual_seed(0)
        task.training_step(to_gpu(batch), 0)
        assert {key: value.device.type for key, value in on_gpu.items()} == dict.fromkeys(figures, "cuda")
        for key, value in figures.items():
            assert float(on_gpu[key]) == pytest.approx(float(value), rel=1e-4, abs=1e-6), key
        on_gpu.clear()
        task.eval()
        task.validation_step(to_gpu(task.val_source()[0] if name in STAGES else batch), 0)
        assert {value.device.type for value in on_gpu.values()} <= {"cuda"}
        if name in STAGES:
            board = mock.MagicMock()
            task.draw(board)
            assert board.mock_calls


@pytest.mark.parametrize(
    "compose", ["full", pytest.param("head", marks=pytest.mark.slow), pytest.param("portrait", marks=pytest.mark.slow)]
)
def test_a_person_speaks_from_a_gpu_as_from_a_processor(tmp_path, monkeypatch, compose):
    monkeypatch.chdir(make_house(tmp_path))
    here, there = (TalkingHead.load("made", device="cpu", settings={"infer_compose": compose}) for _ in range(2))
    frames = list(here.speak("voice.wav"))
    there.postnet.load_speech()
    with fake_gpu():
        there.postnet.to(GPU)
        there.renderer.to(GPU)
        drawn = list(there.speak("voice.wav"))
    assert len(drawn) == len(frames) > 30
    worst = max(np.abs(a.astype(int) - b).max() for a, b in zip(frames, drawn, strict=True))
    assert worst <= 2


def test_what_a_gpu_refuses_is_refused():
    with fake_gpu():
        there = torch.ones(3, device=GPU)
        assert there.is_cuda
        assert (there + 1).device == GPU
        for wrong in (
            lambda: there + torch.ones(3),
            lambda: there.numpy(),
            lambda: torch.ones(3)[there.long()],
            lambda: torch.rand(3, device=GPU, generator=torch.Generator()),
            lambda: torch.cat([there, torch.ones(2)]),
        ):
            with pytest.raises(WrongDevice):
                wrong()
        assert there.cpu().tolist() == [1, 1, 1]
