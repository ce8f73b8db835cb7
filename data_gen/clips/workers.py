"""Make clips in many processes of this machine, or on a Ray cluster; both call the same function."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from data_gen.clips.plan import ClipJob
from data_gen.clips.process import Arrays, ClipRecipe
from data_gen.ray_pool import AHEAD, CRASHED, RayPool
from utils.processes.workers import WorkerPool

log = logging.getLogger(__name__)
Work = Callable[[ClipJob, ClipRecipe], Arrays | str]
Made = tuple[ClipJob, Arrays | str]


def make_here(work: Work, jobs: Sequence[ClipJob], recipe: ClipRecipe, workers: int) -> Iterator[Made]:
    """Yield clips as they are finished, in any order, from `workers` processes.

    A job whose process dies is tried once more alone; when that dies too, it is refused with the reason.
    """
    waiting = list(reversed(jobs))
    while waiting:
        flying: dict[Future[Arrays | str], ClipJob] = {}
        try:
            with WorkerPool(workers) as pool:
                while waiting or flying:
                    while waiting and len(flying) < AHEAD * workers:
                        job = waiting.pop()
                        flying[pool.submit(work, job, recipe)] = job
                    for done in wait(flying, return_when=FIRST_COMPLETED).done:
                        result = done.result()
                        yield flying.pop(done), result
        except BrokenProcessPool:
            log.warning("a worker died; its clips are tried again one at a time")
        for job in flying.values():
            yield job, _alone(work, job, recipe)


def _alone(work: Work, job: ClipJob, recipe: ClipRecipe) -> Arrays | str:
    try:
        with WorkerPool(1) as pool:
            return pool.submit(work, job, recipe).result()
    except BrokenProcessPool:
        return CRASHED


def make_on_ray(work: Work, jobs: Sequence[ClipJob], recipe: ClipRecipe, cluster: RayPool) -> Iterator[Made]:
    """Yield clips as they are finished, in any order, from all processors of a Ray cluster.

    Args:
        work: What makes a clip; a function of a module.
        jobs: The clips to make.
        recipe: How.
        cluster: Where, entered.
    """
    calls = [(work.__module__, work.__qualname__, tuple(job), tuple(recipe)) for job in jobs]
    for number, result in cluster.each(make_of_plain, calls):
        yield jobs[number], result


def make_of_plain(call: tuple[str, str, Any, Any]) -> Arrays | str:
    """Make a clip of what was sent as plain data: module and name of what makes it, job, recipe."""
    module, name, job, recipe = call
    work: Work = getattr(importlib.import_module(module), name)
    return work(ClipJob(*job), ClipRecipe(*recipe))
