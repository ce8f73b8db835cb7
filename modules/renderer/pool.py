"""Render frames side by side: on a processor two frames on two threads take less time than one frame on both."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from modules.renderer.batch import render_in_batches
from modules.renderer.inference import FrameRenderer
from modules.renderer.marcher import GROUP

AHEAD = 2 * GROUP
"""Frames per thread that may wait for the reader."""


def render_side_by_side(
    frames: FrameRenderer, jobs: Iterable[tuple[Any, ...]], workers: int | None = None, *, insets: bool = False
) -> Generator[Tensor, None, None]:
    """Yield `frames(*job)`, (3, H, W), for each job, in order; the same pictures whatever the number of workers.

    Neighbours go to the same worker in groups, because they are blended together. Each worker computes on one thread.
    On a GPU there are batches instead.

    Args:
        frames: Its twins do the work.
        jobs: Arguments of a call; taken one by one, a few frames ahead of the reader.
        workers: Frames rendered at once; as many as torch has threads when None.
        insets: Whether the jobs are insets, whose sizes differ from frame to frame: no batch is made of them.
    """
    threads = torch.get_num_threads()
    workers = threads if workers is None else workers
    if frames.uv.is_cuda and frames.marcher is not None and not insets:
        yield from render_in_batches(frames, jobs)
        return
    if workers <= 1 or frames.uv.is_cuda:
        yield from (frames(*job) for job in jobs)
        return
    pools = [ThreadPoolExecutor(1, "render", torch.set_num_threads, (1,)) for _ in range(workers)]
    twins = [frames.twin() for _ in pools]
    waiting: deque[Future[Tensor]] = deque()
    try:
        for number, job in enumerate(jobs):
            turn = number // GROUP % len(pools)
            waiting.append(pools[turn].submit(twins[turn], *job))
            while waiting and (waiting[0].done() or len(waiting) > AHEAD * len(pools)):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(threads)
