"""Read what torchrun says of the processes that train together."""

from __future__ import annotations

import os
from typing import NamedTuple

from utils.errors import ConfigError

NUMBERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
TOGETHER = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What each of several processes is told besides."""


LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Socket Timeout", "Timed out waiting")
"""What is said where another process is gone."""


class World(NamedTuple):
    """How many processes train together, how many of them on this machine, and which of them this is."""

    size: int
    local_size: int
    rank: int


def settle_world() -> None:
    """Take out of the environment what is set to nothing, and refuse what is no number: Lightning reads them on import.

    Raises:
        ConfigError: A number is none.
    """
    for name in NUMBERS:
        text = os.environ.get(name)
        if text is None:
            continue
        if not text.strip():
            del os.environ[name]
        elif not (text.isascii() and text.isdigit() and len(text) < 7):
            raise ConfigError(f"{name}={text!r} in the environment is no number, as torchrun sets it: unset {name}")


def world() -> World:
    """Return what torchrun says; one process when it says nothing.

    Raises:
        ConfigError: There are said to be several, and not which of them this is.
    """
    settle_world()
    size = int(os.environ.get("WORLD_SIZE", "1"))
    missing = [name for name in TOGETHER if not os.environ.get(name)]
    if size > 1 and missing:
        raise ConfigError(
            f"WORLD_SIZE={size} is in the environment without {', '.join(missing)}: start all {size} processes with "
            "torchrun, or unset WORLD_SIZE to train with one."
        )
    return World(size, int(os.environ.get("LOCAL_WORLD_SIZE", size)), int(os.environ.get("RANK", "0")))


def is_lost(error: BaseException) -> bool:
    """Tell whether an error says that another of several processes is gone; torch's own are called Dist...Error."""
    words = any(part in str(error) for part in LOST)
    return world().size > 1 and (words or type(error).__name__.startswith("Dist"))
