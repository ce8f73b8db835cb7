"""What a pickle is made of here: names that stay names, objects of attributes alone, keys, and words for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_NAME = 1000
"""Letters of a name of a class or function, and of a text in a refusal."""


class Refused(ValueError):
    """Say what in a pickle is not taken."""


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names; nothing of it is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class StandIn:
    """An object of a class that is not imported: only the attributes it was saved with."""

    kind: Named
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class NumpyType:
    """A number type under construction: numpy pickles its byte order apart from its name."""

    code: str
    order: str = "|"

    def make(self) -> np.dtype[Any]:
        """Return the type; `Refused` when its values are no plain numbers."""
        dtype = np.dtype(self.code)
        if dtype.kind not in "fiub" or self.order not in "<>|=":
            raise Refused(f"numbers of numpy type {self.code!r}")
        return dtype.newbyteorder(">") if self.order == ">" else dtype


@dataclass(eq=False)
class NumpyArray:
    """A numpy array under construction."""

    array: np.ndarray | None = None


def finished(value: Any) -> Any:
    """Return an array that was under construction as the array, anything else as it is."""
    if not isinstance(value, NumpyArray):
        return value
    if value.array is None:
        raise Refused("a numpy array without numbers")
    return value.array


def word(value: Any) -> str:
    """Return what a value is called: a text or a name as it is, of anything else its kind alone.

    Its own text could be endless: that of a tuple which holds the same tuple twice, and so on, is.
    """
    if isinstance(value, str | Named):
        return str(value)[:MAX_NAME]
    return str(value) if isinstance(value, int) and abs(value) < 1 << 64 else f"a {type(value).__name__}"


def single_key(value: Any) -> Any:
    """Return a key of a dict or a set.

    Raises:
        Refused: It is a container, whose hash may take for ever, or a number of any length.
    """
    if isinstance(value, tuple | frozenset) or (isinstance(value, int) and abs(value) >= 1 << 64):
        raise Refused(f"a key that is {'a number without end' if isinstance(value, int) else word(value)}")
    return value


def short_name(module: str, name: str) -> Named:
    if len(module) + len(name) > MAX_NAME:
        raise Refused("a name without end")
    return Named(module, name)
