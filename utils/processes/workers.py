"""Processes that work for a command, and end with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For matrices: quicker where every processor has a process, and the same bytes whatever the machine."""


def cores() -> int:
    """Return how many processors this process may use; where the system does not tell, how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerPool(ProcessPoolExecutor):
    """Run calls in processes of one thread each, which end with this one, however that ends.

    They are spawned, not forked: a fork inherits locks of threads that it does not have, and both ends of the pipe on
    which it would wait for ever when this process is killed. An error in the `with` block does not wait for them.

    Args:
        workers: How many processes.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(workers, multiprocessing.get_context("spawn"), initializer=_begin)
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        self._before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)  # processes start with the calls, not here
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                self.shutdown(wait=False, cancel_futures=True)
                for child in multiprocessing.active_children():
                    child.terminate()
            self.shutdown(wait=True)
        finally:
            for name, value in self._before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _begin() -> None:
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all; who started this one ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def native_noise_muted() -> Iterator[None]:
    """Drop what native libraries write to standard error (MediaPipe's warnings); exceptions pass as ever."""
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `work(item)` in order, one thread a processor, a few items ahead, so memory does not grow.

    Inside, torch and OpenCV use one thread each: several workers of one thread are quicker than one of several,
    and do not wait for the slowest when the machine is busy.
    """
    import cv2

    torch = sys.modules.get("torch")  # not imported for this: it takes seconds, and most work here has no use for it
    workers = min(8, cores())
    before = torch.get_num_threads() if torch else 1, cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        begin = partial(torch.set_num_threads, 1) if torch else None
        with ThreadPoolExecutor(workers, initializer=begin) as pool:
            ahead: deque[Future[Result]] = deque()
            try:
                for item in items:
                    ahead.append(pool.submit(work, item))
                    if len(ahead) > 2 * workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()
    finally:
        if torch:
            torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
