"""Tell whether all shots of a video show one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_gen.video.sections.left_out import how_to_keep, times_told
from utils.arrays import Floats, Reals
from utils.errors import DataError
from utils.faces.crops import aligned_crop, five_points
from utils.faces.recogniser import Recogniser
from utils.media.picture_file import Pictures
from utils.rates import FPS

OTHER_PERSON = 0.6
"""Templates of dlib's recogniser that are farther apart are of two persons (its authors' threshold)."""
_LOOKED_AT = 3
"""Frames of a shot whose templates are averaged."""
_SHORTEST = 5
"""Frames of a shot that is long enough to tell who it shows."""

Shots = Sequence[tuple[int, int]]


def refuse_two_persons(
    frames: Pictures, points_px: Reals, shots: Shots, recogniser: Recogniser, *, video: str, start_s: float = 0.0
) -> None:
    """Refuse a video that was cut from one person to another.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
        points_px: (T, 68, 2), pixels.
        shots: [start, stop) runs of frames in which a face was found.
        recogniser: dlib's, whose distances `OTHER_PERSON` is meant for.
        video: What to call it.
        start_s: Where in the video the first frame is.

    Raises:
        DataError: It shows two persons or more; says when each, and the flags that keep one of them.
    """
    shots = [shot for shot in shots if shot[1] - shot[0] >= _SHORTEST]
    if len(shots) < 2:
        return
    persons = group([_template(frames, points_px, shot, recogniser) for shot in shots])
    if max(persons) == 0:
        return
    stretches: list[list[tuple[float, float]]] = [[] for _ in range(max(persons) + 1)]
    before = -1
    for (start, stop), person in zip(shots, persons, strict=True):
        begin = stretches[person].pop()[0] if person == before else start_s + start / FPS
        stretches[person].append((begin, start_s + stop / FPS))
        before = person
    listed = "; ".join(f"person {number + 1} {times_told(runs)}" for number, runs in enumerate(stretches))
    longest = max((run for runs in stretches for run in runs), key=lambda run: run[1] - run[0])
    raise DataError(
        f"{video} shows {len(stretches)} persons: {listed}. A talking head is of one: {how_to_keep([longest])}, or cut "
        f"the video to one person."
    )


def group(templates: Sequence[Floats]) -> list[int]:
    """Return which person, from 0, each template (D,) is of: the nearest one before, or another one when it is far."""
    persons: list[list[Floats]] = []
    result = []
    for template in templates:
        distances = [float(np.linalg.norm(np.mean(person, axis=0) - template)) for person in persons]
        nearest = int(np.argmin(distances)) if distances else -1
        if nearest < 0 or distances[nearest] > OTHER_PERSON:
            nearest = len(persons)
            persons.append([])
        persons[nearest].append(template)
        result.append(nearest)
    return result


def _template(frames: Pictures, points_px: Reals, shot: tuple[int, int], recogniser: Recogniser) -> Floats:
    """Return the mean template (D,) of a shot."""
    start, stop = shot
    chosen: NDArray[np.intp] = np.unique(np.linspace(start, stop - 1, _LOOKED_AT + 2).round().astype(int)[1:-1])
    crops = [aligned_crop(np.asarray(frames[index]), five_points(points_px[index])) for index in chosen]
    mean: Floats = recogniser.templates(np.stack(crops)).mean(axis=0)
    return mean
