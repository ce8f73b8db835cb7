"""Make clips in many processes of this machine, or on a Ray cluster; both call the same function."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from data_gen.clips.plan import ClipJob
from data_gen.clips.process import Arrays, ClipRecipe
from utils.errors import ConfigError, DataError, UserError
from utils.processes.workers import WorkerPool

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
Work = Callable[[ClipJob, ClipRecipe], Arrays | str]
Made = tuple[ClipJob, Arrays | str]
CRASHED = "the process that read it died twice: the file is damaged, or there was too little memory"
_AHEAD = 3
"""Jobs given out per worker, so that none waits and results do not pile up."""


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
                    while waiting and len(flying) < _AHEAD * workers:
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


def make_on_ray(
    work: Work, jobs: Sequence[ClipJob], recipe: ClipRecipe, address: str, nodes: Counter[str]
) -> Iterator[Made]:
    """Yield clips as they are finished, in any order, from all processors of a Ray cluster.

    Every machine needs this repository, the videos and the weights at the same paths; results come back by Ray.

    Args:
        work: What makes a clip; a function of a module.
        jobs: The clips to make.
        recipe: How.
        address: `<head>:6379`, or `auto` on a machine of the cluster.
        nodes: Is told how many clips every machine made.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers at `address`.
        DataError: The cluster was lost.
    """
    try:
        import ray
    except ImportError:
        raise ConfigError("--ray_address needs Ray. Install it: pip install 'ray>=2.40'") from None
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"No Ray cluster answers at {address} ({reason}). Start one: ray start --head, and on every other "
                "machine: ray start --address=<head>:6379"
            ) from None
    try:
        run = ray.remote(_for_ray(str(ROOT), work.__module__, work.__qualname__)).options(max_retries=1)
        most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting = list(reversed(jobs))
        flying: dict[Any, ClipJob] = {}
        while waiting or flying:
            while waiting and len(flying) < most:
                job = waiting.pop()
                flying[run.remote(tuple(job), tuple(recipe))] = job
            for done in ray.wait(list(flying), num_returns=1)[0]:
                try:
                    node, result = ray.get(done)
                    nodes[node] += 1
                except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                    result = CRASHED
                yield flying.pop(done), result
    except ray.exceptions.RayTaskError as error:
        raise (error.cause if isinstance(error.cause, UserError) else error) from None
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"Ray: {reason} What is finished is kept: give the command again.") from None
    finally:
        ray.shutdown()


def _for_ray(root: str, module: str, name: str) -> Callable[[Any, Any], Any]:
    """Return a function that Ray sends by value, so that it can find the repository before anything is imported."""

    assets = os.environ.get("VIZEME_ASSETS", "")

    def run(job: Any, recipe: Any) -> Any:
        import importlib
        import os
        import sys

        if root not in sys.path:
            sys.path.insert(0, root)
        if assets:
            os.environ.setdefault("VIZEME_ASSETS", assets)
        import cv2
        import ray

        # only now, on another machine, can the repository be found
        from data_gen.clips.plan import ClipJob
        from data_gen.clips.process import ClipRecipe

        cv2.setNumThreads(1)
        work = getattr(importlib.import_module(module), name)
        node = ray.get_runtime_context().get_node_id()[:8]
        return node, work(ClipJob(*job), ClipRecipe(*recipe))

    return run
