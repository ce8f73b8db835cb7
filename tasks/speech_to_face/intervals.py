"""Figures with the interval of drawing persons again."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.verdicts.intervals import DRAWS, interval
from utils.arrays import Reals
from utils.metrics import auc, weighted_aucs


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
