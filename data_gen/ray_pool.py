"""Share work among the processors of a Ray cluster; what makes datasets calls it as it calls a pool of processes."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from utils.errors import ConfigError, DataError, UserError
from utils.paths import ROOT
from utils.processes.workers import WorkerPool

CRASHED = "the process that read it died twice: the file is damaged, or there was too little memory"
AHEAD = 3
"""Jobs given out per worker, so that none waits and results do not pile up."""


class RayPool:
    """Call a function of a module on every processor of a cluster.

    Every machine needs this repository, the files and the weights at the same paths; results come back by Ray. A job is
    made of plain data, since it is read before the repository can be imported there.

    Args:
        address: `<head>:6379`, or `auto` on a machine of the cluster.

    Attributes:
        nodes: How many jobs every machine did.

    Raises:
        ConfigError: On entering, Ray is not installed, or no cluster answers at `address`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.nodes = Counter[str]()

    def __enter__(self) -> Self:
        try:
            import ray
        except ImportError:
            raise ConfigError("--ray_address needs Ray. Install it: pip install 'ray>=2.40'") from None
        if not ray.is_initialized():
            try:
                ray.init(address=self.address, log_to_driver=False, logging_level=logging.WARNING)
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split())
                raise ConfigError(
                    f"No Ray cluster answers at {self.address} ({reason}). Start one: ray start --head, and on every "
                    "other machine: ray start --address=<head>:6379"
                ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        ray.shutdown()

    def map(self, work: Callable[[Any], Any], jobs: Sequence[Any], chunksize: int = 1) -> Iterator[Any]:
        """Yield `work(job)` in order, or `CRASHED` where the process died twice; a few are done ahead of the reader."""
        return (result for _, result in self.each(work, jobs, ordered=True))

    def each(
        self, work: Callable[[Any], Any], jobs: Sequence[Any], *, ordered: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """Yield number and result of each job as it is done, in any order unless `ordered`; `CRASHED` as in `map`.

        Raises:
            DataError: The cluster was lost.
        """
        import ray

        try:
            run = ray.remote(_for_ray(str(ROOT), work.__module__, work.__qualname__)).options(max_retries=1)
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            flying: dict[Any, int] = {}
            ready: dict[int, Any] = {}
            begun = given = 0
            while given < len(jobs):
                while begun < len(jobs) and begun - given < most:
                    flying[run.remote(jobs[begun])] = begun
                    begun += 1
                for done in ray.wait(list(flying), num_returns=1)[0]:
                    try:
                        node, result = ray.get(done)
                        self.nodes[node] += 1
                    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                        result = CRASHED
                    ready[flying.pop(done)] = result
                for number in [given] if ordered else list(ready):
                    while number in ready:
                        yield number, ready.pop(number)
                        given += 1
                        number = given if ordered else -1
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, UserError) else error) from None
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())
            raise DataError(f"Ray: {reason} What is finished is kept: give the command again.") from None

    def say(self, things: str) -> None:
        """Print how many `things` every machine made."""
        for node, count in sorted(self.nodes.items()):
            print(f"  Ray node {node}: {count} {things}")


@contextlib.contextmanager
def pool_of(workers: int, ray_address: str, things: str) -> Iterator[WorkerPool | RayPool | None]:
    """Give a pool: the cluster's where one is named, else so many processes, and None for this one alone.

    Args:
        things: What is made, for the line that says at the end which machine of a cluster made how many.
    """
    if ray_address:
        with RayPool(ray_address) as cluster:
            yield cluster
        cluster.say(things)
    elif workers > 1:
        with WorkerPool(workers) as pool:
            yield pool
    else:
        yield None


def mapped(
    pool: WorkerPool | RayPool | None, work: Callable[[Any], Any], jobs: Sequence[Any], chunksize: int = 1
) -> Iterable[Any]:
    """Return `work(job)` for each job, in order, by the pool or by this process."""
    return map(work, jobs) if pool is None else pool.map(work, jobs, chunksize=chunksize)


def _for_ray(root: str, module: str, name: str) -> Callable[[Any], Any]:
    """Return a function that Ray sends by value, so that it can find the repository before anything is imported."""
    assets = os.environ.get("VIZEME_ASSETS", "")

    def run(job: Any) -> Any:
        import importlib
        import os
        import sys

        if root not in sys.path:
            sys.path.insert(0, root)
        if assets:
            os.environ.setdefault("VIZEME_ASSETS", assets)
        import cv2
        import ray

        cv2.setNumThreads(1)
        work = getattr(importlib.import_module(module), name)
        return ray.get_runtime_context().get_node_id()[:8], work(job)

    return run
