"""Losses of parts on threads are those of one after the other, and so are their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from modules.layers.on_threads import losses_of_parts


def both(count: int = 3, threads: int = 2) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the losses and gradients of parts on threads, and of the same sums worked out at once."""
    torch.manual_seed(0)
    network, idle, shared = nn.Linear(4, 2), nn.Parameter(torch.ones(2)), torch.randn(count * 2, 4, requires_grad=True)
    learning = [*network.parameters(), idle]

    def work(number: int, slices: tuple[torch.Tensor, ...]) -> torch.Tensor:
        out = network(slices[0]) * (number + 1)
        return torch.stack([out.square().mean(), out.sum()])

    def answers(losses: torch.Tensor) -> list[torch.Tensor]:
        total = (losses * torch.arange(2 * count).view(count, 2)).sum()
        gradients = torch.autograd.grad(total, [shared, *network.parameters(), idle], allow_unused=True)
        assert gradients[-1] is None
        return [losses.detach(), *gradients[:-1]]

    plain = torch.stack([work(number, (part,)) for number, part in enumerate(shared.chunk(count))])
    return answers(losses_of_parts(work, count, [shared], learning, threads=threads)), answers(plain)


def test_losses_and_gradients_are_those_of_one_after_the_other():
    for ours, plain in zip(*both(), strict=True):
        assert torch.allclose(ours, plain, atol=1e-6)


def test_the_number_of_threads_changes_no_bit():
    alone, side_by_side = both(threads=1)[0], both(threads=3)[0]
    assert all(torch.equal(one, other) for one, other in zip(alone, side_by_side, strict=True))


def test_an_error_in_a_part_comes_through_and_threads_are_given_back():
    before = torch.get_num_threads()

    def work(number: int, slices: object) -> torch.Tensor:
        raise ValueError(f"part {number}")

    with pytest.raises(ValueError, match="part 0"):
        losses_of_parts(work, 2, [torch.ones(2)], [], threads=2)
    assert torch.get_num_threads() == before


def test_parts_compute_in_the_arithmetic_of_the_batch():
    network = nn.Linear(4, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = losses_of_parts(lambda _, slices: network(slices[0])[:, 0], 2, [torch.ones(2, 4)], [], threads=2)
    assert losses.dtype == torch.bfloat16
