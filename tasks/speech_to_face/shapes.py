"""Craniofacial ratios, and how they follow from person to person."""

from __future__ import annotations

import numpy as np

from tasks.speech_to_face.intervals import bootstrap_correlation, bootstrap_shape
from utils.arrays import Numbers, Reals

RATIOS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "nose width / face width": ((31, 35), (0, 16)),
    "nasal index (width / height)": ((31, 35), (27, 33)),
    "nose height / face height": ((27, 33), (27, 8)),
    "jaw width / face width": ((4, 12), (0, 16)),
    "mouth width / face width": ((48, 54), (0, 16)),
    "intercanthal / face width": ((39, 42), (0, 16)),
    "upper lip / mouth width": ((51, 62), (48, 54)),
    "lower lip / mouth width": ((66, 57), (48, 54)),
    "mandible / face height": ((57, 8), (27, 8)),
    "face height / width": ((27, 8), (0, 16)),
}
"""Craniofacial ratios: distance of two landmarks over the distance of two others."""


def ratios(landmarks: Reals) -> dict[str, Reals]:
    """Return the craniofacial ratios of landmarks (N, 68, 2)."""

    def length(pair: tuple[int, int]) -> Reals:
        return np.linalg.norm(landmarks[:, pair[0]] - landmarks[:, pair[1]], axis=-1)

    return {name: length(a) / np.maximum(length(b), 1e-6) for name, (a, b) in RATIOS.items()}


def per_person(values: Reals, groups: Numbers) -> Reals:
    """Average rows (N, ...) over persons: (persons, ...), in the order of their numbers."""
    return np.stack([values[groups == number].mean(0) for number in np.unique(groups)])


def shape_correlations(drawn: Reals, true: Reals, groups: Numbers) -> dict[str, dict[str, float]]:
    """Correlate landmarks (N, 68, 2), as offsets from their mean, and ratios over persons; `groups` (N,) says whose."""
    drawn, true = per_person(drawn, groups), per_person(true, groups)
    if len(drawn) < 3:
        return {}
    figures = {"landmark correlation": bootstrap_shape(drawn, true)}
    mine, theirs = ratios(drawn), ratios(true)
    for name in RATIOS:
        figures[f"ratio: {name}"] = bootstrap_correlation(mine[name], theirs[name])
    return figures


def cosine_with_others(cosine: Reals, groups: Numbers) -> Reals:
    """Return for each row of (N, N) the mean over the columns of other persons; empty when there is one person."""
    others = groups[:, None] != groups[None]
    if not others.any():
        return np.zeros(0)
    return np.asarray((cosine * others).sum(1) / others.sum(1))
