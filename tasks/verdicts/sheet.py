"""Lay out what went in, the real face, the made one, and whom it is like besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from utils.arrays import Bytes, Ints, Numbers
from utils.drawing.canvas import blank, contact_sheet, label

COLUMNS = 8
"""Inputs on a sheet."""
SIDE = 144


def face_sheet(names: Sequence[str], rows: Mapping[str, Sequence[Bytes] | Bytes], side: int = SIDE) -> Bytes:
    """Lay out one column an input, its name above, and one row a kind of picture, its name on the left: (H, W, 3).

    Args:
        names: What went in.
        rows: Kind -> as many pictures (S, S, 3) uint8 of any size.
        side: Of one picture.

    Raises:
        ValueError: A row has not as many pictures as there are names.
    """
    cells: list[Bytes] = []
    labels: list[str] = []
    for kind, pictures in rows.items():
        if len(pictures) != len(names):
            raise ValueError(f"{kind}: {len(pictures)} pictures for {len(names)} names")
        cells += [label(blank(side), kind, inside=True), *pictures]
        labels += ["", *(names if not labels else [""] * len(names))]
    return contact_sheet(cells, labels, columns=len(names) + 1, size=side)


def spread_out(count: int, most: int = COLUMNS) -> Ints:
    """Return at most `most` numbers below `count`, spread evenly, ascending."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def one_of_each(whose: Numbers, most: int = COLUMNS) -> Ints:
    """Return the places of at most `most` rows, the first of as many persons, spread evenly over `whose` (N,)."""
    _, first = np.unique(whose, return_index=True)
    first = np.sort(first)
    return first[spread_out(len(first), most)]
