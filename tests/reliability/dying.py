"""A work that ends its process; a worker of a pool finds it here by its name, without importing more."""

from __future__ import annotations

import os
import signal


def kill_this_process(*words: object) -> None:
    """End as the kernel ends a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
