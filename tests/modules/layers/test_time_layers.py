"""Layers over time: what torch's own give, whatever way the numbers lie in memory."""

import pytest
import torch
from torch import nn

from modules.layers.time_layers import TimeConv, TimeNorm


def pair(*shape: int, rows: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the same random (B, C, T) twice: as torch lays it out, and row by row when `rows`."""
    x = torch.randn(*shape)
    other = x.transpose(1, 2).contiguous().transpose(1, 2) if rows else x.clone()
    return x.requires_grad_(), other.detach().requires_grad_()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(
    ("steps", "kernel", "settings"),
    [
        (20, 3, {"padding": 1}),
        (20, 3, {"padding": 4, "dilation": 4}),
        (10, 3, {"padding": 1, "stride": 2}),
        (3, 3, {}),
        (3, 3, {"padding": 1}),
        (5, 3, {"padding": 1, "stride": 2}),
        (29, 15, {"stride": 4}),
        (1, 1, {"bias": False}),
        (4, 3, {"padding": 1, "groups": 2}),
    ],
)
def test_a_convolution_and_its_gradients_are_those_of_torch(steps, kernel, settings, rows):
    torch.manual_seed(0)
    ours, theirs = TimeConv(4, 6, kernel, **settings), nn.Conv1d(4, 6, kernel, **settings)
    theirs.load_state_dict(ours.state_dict())
    a, b = pair(2, 4, steps, rows=rows)
    found, wanted = ours(b), theirs(a)
    torch.testing.assert_close(found, wanted)
    weight = torch.randn_like(wanted)
    (found * weight).sum().backward()
    (wanted * weight).sum().backward()
    torch.testing.assert_close(b.grad, a.grad)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("rows", [False, True])
def test_a_norm_and_what_it_remembers_are_those_of_torch(rows):
    torch.manual_seed(0)
    ours, theirs = TimeNorm(4), nn.BatchNorm1d(4)
    a, b = pair(3, 4, 7, rows=rows)
    torch.testing.assert_close(ours(b), theirs(a))
    torch.testing.assert_close(dict(ours.state_dict()), dict(theirs.state_dict()))
    torch.testing.assert_close(ours.eval()(b), theirs.eval()(a))


def test_rows_stay_rows():
    x = torch.randn(2, 20, 4).transpose(1, 2)
    for layer in (TimeConv(4, 6, 3, padding=1), TimeConv(4, 6, 18), TimeNorm(4)):
        assert layer(x).transpose(1, 2).is_contiguous()
