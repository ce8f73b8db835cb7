"""Keep the memory of one update for the next one, and say plainly when there is too little."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import ConfigError

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_TOO_LARGE = re.compile(r"allocat|out of memory|overflow", re.IGNORECASE)


@contextmanager
def within_memory(what: str) -> Iterator[None]:
    """Turn an allocation that fails in the block into a `ConfigError` about `what`, say "this network"."""
    try:
        yield
    except (MemoryError, RuntimeError, OverflowError, TypeError) as error:  # torch has no error of its own for it
        if not isinstance(error, MemoryError) and not _TOO_LARGE.search(str(error)):
            raise
        raise ConfigError(f"There is too little memory for {what}. Make its sizes smaller in the recipe.") from None


def keep_freed_memory() -> bool:
    """Tell the C library to hold on to memory that is freed; return whether it could be told.

    glibc gives every large buffer back to the kernel when it is freed, and each update of training asks for the same
    buffers again: the kernel then clears all of their pages anew, up to a quarter of the processor time of an update.
    The process stays as large as it ever was. Other C libraries know no such switch, and nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))


def limit_process(seconds: int, memory: int) -> None:
    """Let this process, which reads what a stranger made, take so much processor time and address space at most.

    Where the system has no such limits (Windows), none are set.
    """
    try:
        import resource
    except ImportError:
        return
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, hard))
