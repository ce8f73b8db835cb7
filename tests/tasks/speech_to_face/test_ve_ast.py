"""The transformer learns in two phases, and a checkpoint remembers in which it was."""

from __future__ import annotations

import pytest
import torch

from tasks.speech_to_face.data import VoiceBatch
from tasks.speech_to_face.ve_ast import VeAstConfig, VeAstTask
from utils.errors import ConfigError


def task(**settings):
    small = {"rows": 64, "audio_seconds": 0.64, "hidden": 16, "layers": 2, "heads": 2, "feature_dim": 6}
    return VeAstTask(VeAstConfig(task_cls="ve_ast", pretrained="none", **{**small, **settings}))


def learning(network):
    return sum(parameter.requires_grad for parameter in network.model.parameters())


def test_only_the_head_learns_first_and_a_checkpoint_remembers_the_second_phase():
    first = task(lr=1e-4, lr_fine_tune=1e-6)
    head = learning(first)
    assert first.schedule(50_000) == 1
    second = task(lr=1e-4, lr_fine_tune=1e-6)
    second.on_load_extra({**first.extra_state(), "fine_tune_from": 10})
    assert second.schedule(50_000) == pytest.approx(0.01)
    assert learning(second) > head
    assert second.extra_state()["fine_tune_from"] == 10
    part = task(fine_tune_layers=1)
    part.on_load_extra({"fine_tune_from": 10})
    assert head < learning(part) < learning(second)


def test_the_second_phase_takes_fewer_pairs_of_a_batch(monkeypatch):
    monkeypatch.setattr("tasks.core.task.Task.training_step", lambda self, batch, number: batch)
    for first, second in ((4, 2), (2, 4)):
        network = task(batch_size=first, batch_size_fine_tune=second)
        assert network.batch_size == 4
        batch = VoiceBatch(*(torch.arange(4) for _ in range(4)))
        assert [len(part) for part in network.training_step(batch, 0)] == [first] * 4
        network.on_load_extra({"fine_tune_from": 10})
        assert [len(part) for part in network.training_step(batch, 0)] == [second] * 4
    assert len(task(batch_size=4).training_step(batch, 0).sound) == 4


def test_an_average_and_a_second_phase_exclude_each_other():
    with pytest.raises(ConfigError, match=r"^ema_decay averages the weights that learn from the start; set it to 0"):
        task(ema_decay=0.9).prepare()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"heads": 3}, "hidden has to be a multiple of heads"), ({"layers": 10**9}, "less than or equal to 1000")],
)
def test_sizes_of_which_no_network_can_be_made_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        task(**settings)
