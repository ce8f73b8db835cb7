"""Work out the losses of the parts of a batch on threads, forward and backward.

A patch of a picture is too small for torch to spread one operation over processors; two patches on two threads are not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")
Work = Callable[[int, Sequence[Tensor]], Tensor]
"""From the number of a part and its slices of what the parts share to its losses (K,)."""


def losses_of_parts(
    work: Work, count: int, shared: Sequence[Tensor], parameters: Sequence[Tensor], *, threads: int
) -> Tensor:
    """Return the losses (count, K) of the parts of a batch; gradients reach `shared` and `parameters`.

    Every part is worked out on one thread, and gradients are added in the order of the parts: the same numbers
    whatever the number of processors.

    Args:
        work: What is done for a part. It reads what learns from `shared` and `parameters` alone, and draws no random
            numbers but from a generator of its own.
        count: How many parts.
        shared: Tensors (count * n, ...) that were worked out for all parts; each part gets its n rows.
        parameters: What else learns.
        threads: How many parts are worked out at a time.
    """
    pool = _pool(threads)
    return _LossesOfParts.apply(work, count, pool, len(shared), *shared, *parameters)  # type: ignore[no-any-return]


class _LossesOfParts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, work: Work, count: int, pool: ThreadPoolExecutor, n_shared: int, *tensors: Tensor
    ) -> Tensor:
        shared = [tensor.detach().chunk(count) for tensor in tensors[:n_shared]]
        learns = ctx.needs_input_grad[4 : 4 + n_shared]
        leaves = [
            [slices[part].requires_grad_(wanted) for slices, wanted in zip(shared, learns, strict=True)]
            for part in range(count)
        ]
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None

        def one(part: int) -> Tensor:
            with torch.enable_grad(), torch.autocast("cpu", dtype=kind, enabled=kind is not None):
                return work(part, leaves[part])

        ctx.leaves, ctx.parameters, ctx.pool = leaves, tensors[n_shared:], pool
        ctx.losses = _each_on_a_thread(one, count, pool)
        return torch.stack([losses.detach() for losses in ctx.losses])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (gradient,) = gradients

        def one(part: int) -> list[Tensor | None]:
            wanted = [leaf for leaf in ctx.leaves[part] if leaf.requires_grad]
            learning = [parameter for parameter in ctx.parameters if parameter.requires_grad]
            with torch.enable_grad():
                total = (ctx.losses[part] * gradient[part]).sum()
            answers = iter(torch.autograd.grad(total, [*wanted, *learning], allow_unused=True))
            return [next(answers) if one.requires_grad else None for one in (*ctx.leaves[part], *ctx.parameters)]

        parts = _each_on_a_thread(one, len(ctx.losses), ctx.pool)
        n_shared = len(ctx.leaves[0])
        backs: list[Tensor | None] = []
        for place, answers in enumerate(zip(*parts, strict=True)):
            there = [answer for answer in answers if answer is not None]
            if not there:
                backs.append(None)
            elif place < n_shared:
                leaves = [slices[place] for slices in ctx.leaves]
                pairs = zip(answers, leaves, strict=True)
                backs.append(torch.cat([torch.zeros_like(leaf) if a is None else a for a, leaf in pairs]))
            else:
                backs.append(functools.reduce(torch.add, there))
        ctx.losses = ctx.leaves = None
        return None, None, None, None, *backs


def _each_on_a_thread(one: Callable[[int], Result], count: int, pool: ThreadPoolExecutor) -> list[Result]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # of matrix products it is the number for all threads
    try:
        return list(pool.map(one, range(count)))
    finally:
        torch.set_num_threads(before)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "part", torch.set_num_threads, (1,))
