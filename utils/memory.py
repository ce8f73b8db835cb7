"""Keep the memory of one update for the next one."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


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
