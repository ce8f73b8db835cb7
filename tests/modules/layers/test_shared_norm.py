"""Two processes learn what one learns from both their batches."""

from __future__ import annotations

import copy
import multiprocessing

import torch
import torch.distributed
from torch import nn

from modules.layers.shared_norm import part_norms, share_norms
from tests.patience import HANG_S


def network() -> nn.Module:
    torch.manual_seed(0)
    last = nn.BatchNorm1d(4, affine=False, momentum=None)
    return nn.Sequential(nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5), nn.ReLU(), nn.Conv1d(5, 4, 3), last)


def learned(model: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return gradients and statistics after two batches that are one another's double."""
    for factor in (1.0, 2.0):
        (model(factor * x) ** 3).mean().backward()
    gradients = {f"gradient of {name}": p.grad for name, p in model.named_parameters()}
    return {**gradients, **{name: value.float() for name, value in model.named_buffers()}}


def one_of_two(rank: int, folder: str, x: torch.Tensor) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    model = share_norms(network())
    state = learned(model, x[rank * 2 : rank * 2 + 2])
    for name, value in state.items():
        if name.startswith("gradient"):
            torch.distributed.all_reduce(value)
            value /= 2
    torch.save(state, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_norms_of_two_processes_are_those_of_both_batches(tmp_path):
    x = torch.randn(4, 3, 12, generator=torch.Generator().manual_seed(1)) + 5
    fork = multiprocessing.get_context("fork")
    ranks = [fork.Process(target=one_of_two, args=(rank, str(tmp_path), x)) for rank in (0, 1)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(HANG_S)
    assert [process.exitcode for process in ranks] == [0, 0]
    whole = learned(network(), x)
    for rank in (0, 1):
        half = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert half.keys() == whole.keys()
        for name, value in whole.items():
            torch.testing.assert_close(half[name], value, atol=1e-5, rtol=1e-4, msg=name)


def test_a_norm_stays_a_norm_and_is_alone_again():
    model = network()
    names, kinds = list(model.state_dict()), [type(layer) for layer in model]
    before = copy.deepcopy(model.state_dict())
    shared = share_norms(model)
    assert isinstance(shared[1], nn.BatchNorm1d)
    assert type(shared[1]) is not nn.BatchNorm1d
    assert list(shared.state_dict()) == names
    torch.testing.assert_close(shared(torch.ones(2, 3, 9)).mean(), torch.tensor(0.0))  # one process: as ever
    assert [type(layer) for layer in part_norms(shared)] == kinds
    assert before.keys() == model.state_dict().keys()
