"""What every task shares: gradients clipped by hand, noise that follows from the update, frozen helpers."""

from __future__ import annotations

import math

import pytest
import torch

from tasks.core.task import clip_gradient
from tests.tasks.toy import ToyConfig, ToyTask
from utils.errors import ConfigError


def test_a_gradient_is_scaled_down_and_its_norm_before_is_told():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    weight.grad = torch.tensor([3.0, 4.0])
    assert clip_gradient(optimizer, math.inf) == 5
    assert weight.grad.tolist() == [3, 4]
    assert clip_gradient(optimizer, 1.0) == 5
    torch.testing.assert_close(weight.grad, torch.tensor([0.6, 0.8]))


def test_noise_is_a_function_of_seed_kind_and_number():
    task = ToyTask(ToyConfig(task_cls="toy", seed=3))

    def noise(kind, number):
        task.seed_step(kind, number)
        return torch.rand(4)

    assert torch.equal(noise("train", 5), noise("train", 5))
    assert not torch.equal(noise("train", 5), noise("train", 6))
    assert not torch.equal(noise("train", 5), noise("val", 5))


def test_a_frozen_task_stays_outside_the_checkpoint():
    task, helper = (ToyTask(ToyConfig(task_cls="toy")) for _ in range(2))
    helper.source = {"sha256": "a" * 64}
    names = list(task.state_dict())
    task.freeze("helper", helper)
    assert list(task.state_dict()) == names
    assert not any(parameter.requires_grad for parameter in helper.parameters())
    assert task.frozen_sources == {"helper": {"sha256": "a" * 64}}
    task.train()
    assert not task.frozen["helper"].training


def test_its_size_is_said_with_what_stands_beside_it(monkeypatch):
    task, helper = (ToyTask(ToyConfig(task_cls="toy")) for _ in range(2))
    count = sum(parameter.numel() for parameter in task.parameters())
    size = f"{count:,} parameters ({4 * count / 2**20:.1f} MiB)"
    assert task.in_numbers() == f"{size}, of which {count:,} learn"
    task.freeze("helper", helper)
    task.keep_outside("_perceptor", torch.nn.Linear(9, 1000))
    task.keep_outside("_judge", None)
    monkeypatch.setattr(ToyTask, "unique_samples", lambda self: 12_345)
    assert task.in_numbers().split("; ")[1:] == [
        f"helper, which stays as it is: {size}",
        "perceptor, which stays as it is: 10,000 parameters (0.0 MiB)",
        "12,345 unique samples",
    ]


def test_plain_settings_are_checked_like_a_recipe():
    assert ToyTask({"task_cls": "toy", "width": 6}).cfg.width == 6
    with pytest.raises(ConfigError) as error:
        ToyTask({"task_cls": "toy", "widht": 6})
    assert str(error.value) == "checkpoint: 1 setting(s) to mend\n  widht: no such setting; write 'width'"
