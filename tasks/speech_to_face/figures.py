"""Figures that speech to face is judged by, with the interval of drawing persons again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.verdicts.intervals import DRAWS, interval
from utils.arrays import Numbers, Reals
from utils.metrics import auc, weighted_aucs

RANKS = (1, 2, 5, 10)
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


class Recall(NamedTuple):
    """rank (N,) int64 of each voice's owner, 0 the nearest, among `choices` (N,) persons of `gallery`."""

    rank: Tensor
    gallery: int
    choices: Tensor

    def figures(self) -> dict[str, float]:
        """Return the share found among the first 1, 2, 5, 10, and the persons to choose from."""
        shares = {f"recall_{k}": float((self.rank < k).float().mean()) for k in RANKS}
        return {**shares, "chance_1": 1 / self.gallery}


def retrieve(
    heard: Tensor, entry: Tensor, faces: Tensor, gallery: Tensor, labels: Sequence[str] | None = None
) -> Recall:
    """Rank the gallery's faces by cosine for each voice.

    Args:
        heard: (N, F) features heard.
        entry: (N,) whose they are.
        faces: (G, F) one feature for each person.
        gallery: (G,) who they are.
        labels: (G,) what the persons are besides, such as age and sex: each voice's owner is looked for among those
            who are the same. None: among all.
    """
    cosine = F.normalize(heard, dim=1) @ F.normalize(faces, dim=1).T
    own = (entry[:, None] == gallery[None]).float().argmax(dim=1)
    right = cosine.gather(1, own[:, None])
    numbers = np.unique(labels or [""] * len(gallery), return_inverse=True)[1]
    kinds = torch.from_numpy(numbers).to(cosine.device)
    others = (kinds[:, None] == kinds).to(cosine)[own].scatter(1, own[:, None], 0.0)
    rank = ((cosine >= right) * others).sum(dim=1)
    return Recall(rank.long().cpu(), len(gallery), 1 + others.sum(dim=1).long().cpu())


def verification(feature: Tensor, person: Tensor, picture: Tensor | None = None) -> dict[str, Tensor]:
    """Return auc and accuracy (at the best threshold) of telling same from different persons, and mean cosines.

    Args:
        feature: (N, F), any length.
        person: (N,) whose it is.
        picture: (N,) of which picture it is, when one may stand twice: no pair is made of a picture and itself.
    """
    unit = F.normalize(feature, dim=1)
    upper = torch.ones(len(unit), len(unit), dtype=torch.bool, device=unit.device).triu(1)
    if picture is not None:
        upper &= picture[:, None] != picture[None]
    cosine = (unit @ unit.T)[upper]
    same = (person[:, None] == person[None])[upper]
    count_same, count_other = same.sum(), (~same).sum()
    if count_same == 0 or count_other == 0:
        return {"auc": cosine.new_tensor(float("nan"))}
    order = cosine.argsort()
    hits = same[order].flip(0).double()
    rate = hits.cumsum(0) / count_same
    false_rate = (1 - hits).cumsum(0) / count_other
    return {
        "auc": cosine.new_tensor(auc(cosine.detach().double().cpu().numpy(), same.cpu().numpy())).float(),
        "balanced_accuracy": (0.5 * (1 + rate - false_rate).max()).float(),
        "cosine_same": cosine[same].mean(),
        "cosine_other": cosine[~same].mean(),
    }


def bootstrap_correlation(a: Reals, b: Reals, seed: int = 0) -> dict[str, float]:
    """Return Pearson's correlation of (N,) and (N,), one row a person, with the 95 % interval."""

    def pearson(x: Reals, y: Reals) -> Reals:
        x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
        spread = np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
        return (x * y).sum(-1) / np.maximum(spread, 1e-12)

    drawn = np.random.default_rng(seed).integers(0, len(a), (DRAWS, len(a)))
    return interval(float(pearson(a, b)), pearson(a[drawn], b[drawn]))


def bootstrap_shape(drawn: Reals, true: Reals, seed: int = 0) -> dict[str, float]:
    """Return the correlation of landmarks (persons, 68, 2), as offsets from their mean, with the 95 % interval."""

    def correlation(a: Reals, b: Reals) -> float:
        a, b = a - a.mean(0), b - b.mean(0)
        return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12))

    again = np.random.default_rng(seed).integers(0, len(drawn), (DRAWS, len(drawn)))
    return interval(correlation(drawn, true), [correlation(drawn[rows], true[rows]) for rows in again])


def bootstrap_auc(feature: Tensor, person: Tensor, seed: int = 0) -> dict[str, float]:
    """Return how well pairs of one person are told from pairs of two, and the 95 % interval of drawing persons again.

    Args:
        feature: (N, F), any length.
        person: (N,) whose picture it is.
    """
    unit = F.normalize(feature.double(), dim=1)
    first, second = np.triu_indices(len(unit), 1)
    cosine = (unit @ unit.T).numpy()[first, second]
    _, number = np.unique(person.numpy(), return_inverse=True)
    first, second = number[first], number[second]
    persons = number.max() + 1
    draws = np.random.default_rng(seed).integers(0, persons, (DRAWS // 5, persons))
    times = [np.bincount(drawn, minlength=persons).astype(np.float64) for drawn in draws]
    weights = (each[first] * each[second] for each in [np.ones(persons), *times])
    value, *again = np.nan_to_num(list(weighted_aucs(cosine, first == second, weights)))
    return interval(value, again)


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
