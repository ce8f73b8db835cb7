"""Whose face a photo of several is: the one that is like the same person's other photos."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.faces.recogniser import units

log = logging.getLogger(__name__)
Pair = tuple[Path, bytes, NDArray[np.float32]]
FARTHER = 1.3
"""The second best face of a photo must be so many times as far from the person's others as the best one."""


def own_faces(pairs: Iterable[Pair], whose: Callable[[Path], str], skipped: dict[str, str]) -> Iterator[Pair]:
    """Yield one face a photo; a photo in which that is unclear is noted in `skipped`.

    Args:
        pairs: (photo, crop, template) of every face, a photo's in a row, and a person's photos in a row.
        whose: Names the person of a photo.
        skipped: Photo -> why it is left out.
    """
    for _, group in itertools.groupby(pairs, key=lambda pair: whose(pair[0])):
        photos = [list(faces) for _, faces in itertools.groupby(group, key=lambda pair: pair[0])]
        alone = [faces[0][2] for faces in photos if len(faces) == 1]
        for faces in photos:
            if len(faces) == 1:
                yield faces[0]
                continue
            place, why = _most_alike(np.stack([template for _, _, template in faces]), alone)
            if place is None:
                log.warning("skipped %s: %s", faces[0][0], why)
                skipped[str(faces[0][0])] = why
            else:
                told = (faces[0][0], place + 1, len(faces))
                log.info("%s: face %d of %d, the largest first, is like this person's other photos", *told)
                yield faces[place]


def _most_alike(templates: NDArray[np.float32], others: list[NDArray[np.float32]]) -> tuple[int | None, str]:
    """Return which of some templates (N, D) is like the others, or None and why that is unclear."""
    count = len(templates)
    if not others:
        return None, f"{count} faces, and no other photo of this person alone to tell whose it is; cut the others off"
    away = 1 - units(templates) @ units(units(np.stack(others)).mean(axis=0, keepdims=True))[0]
    best, second = np.argsort(away)[:2]
    if away[second] < FARTHER * away[best]:
        return None, f"{count} faces, and none is clearly like this person's other photos; cut the others off"
    return int(best), ""
