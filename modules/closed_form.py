"""Learn linear relations of rows of numbers in closed form: principal and canonical directions, ridge regression."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

FOLDS = 5
RIDGES = tuple(10.0**power for power in range(-3, 4))
"""Softness that is tried, per mean squared length of a row."""


class Components(NamedTuple):
    """Mean (D,), components (K, D), how much of each the rows hold (N, K), and its deviation (K,)."""

    mean: Tensor
    directions: Tensor
    amounts: Tensor
    deviations: Tensor


def principal(rows: Float[Tensor, "N D"], weights: Float[Tensor, " N"], most: int) -> Components:
    """Return the principal components of weighed rows, the largest first; `rows` is used up.

    Those beyond what the rows hold are zero.
    """
    shares = weights / weights.sum()
    mean = shares @ rows
    rows.sub_(mean).mul_(shares.sqrt()[:, None])
    few = len(rows) < rows.shape[1]
    values, vectors = torch.linalg.eigh(rows @ rows.T if few else rows.T @ rows)
    values, vectors = values.flip(0)[:most], vectors.flip(1)[:, :most]
    held = values > 1e-6 * values[0].clamp(min=1e-12)
    values, vectors = values[held], vectors[:, held]
    directions = torch.zeros(most, rows.shape[1])
    directions[: len(values)] = (vectors.T @ rows) / values.sqrt()[:, None] if few else vectors.T
    amounts = (rows @ directions.T) / shares.sqrt()[:, None]
    deviations = torch.zeros(most)
    deviations[: len(values)] = values.sqrt()
    return Components(mean, directions, amounts, deviations)


def ridge(
    inputs: Float[Tensor, "N D"], outputs: Float[Tensor, "N K"], weights: Float[Tensor, " N"], softness: float
) -> tuple[Float[Tensor, "D K"], Float[Tensor, " K"]]:
    """Return slopes and offset of the weighed linear regression of outputs on inputs, slopes shrunk by `softness`."""
    shares = weights / weights.sum()
    middle, level = shares @ inputs, shares @ outputs
    heavy = weights.sqrt()[:, None]
    left, sizes, right = torch.linalg.svd((inputs - middle) * heavy, full_matrices=False)
    wanted = left.T @ ((outputs - level) * heavy)
    slopes = right.T @ ((sizes / (sizes.square() + softness))[:, None] * wanted)
    return slopes, level - middle @ slopes


def best_ridge(
    inputs: Float[Tensor, "N D"], outputs: Float[Tensor, "N K"], groups: Int[Tensor, " N"]
) -> tuple[Float[Tensor, "D K"], Float[Tensor, " K"]]:
    """Return slopes and offset of the ridge regression whose softness tells best of groups that are left out.

    Args:
        inputs, outputs: Rows.
        groups: Whose row it is; rows of a group are left out together, and each group counts alike.
    """
    weights = 1 / torch.bincount(groups)[groups].to(inputs)
    size = float((weights @ (inputs - inputs.mean(0)).square()).sum() / weights.sum())
    errors = torch.zeros(len(RIDGES))
    for left_out in folds(groups):
        kept = ~left_out
        for number, softness in enumerate(RIDGES):
            strength = softness * size * float(weights[kept].sum()) / inputs.shape[1]
            slopes, offset = ridge(inputs[kept], outputs[kept], weights[kept], strength)
            off = outputs[left_out] - inputs[left_out] @ slopes - offset
            errors[number] += float(weights[left_out] @ off.square().sum(dim=1))
    softness = RIDGES[int(errors.argmin())]
    return ridge(inputs, outputs, weights, softness * size * float(weights.sum()) / inputs.shape[1])


def canonical(
    rows: Float[Tensor, "N D"], others: Float[Tensor, "N E"], groups: Int[Tensor, " N"], most: int
) -> tuple[Float[Tensor, "D K"], Float[Tensor, " K"]]:
    """Return the directions in which rows follow others, and how surely, as correlations of groups left out.

    Both are whitened, small directions the less; of the softnesses tried the one is taken whose correlations are the
    largest. Directions beyond what there is, or that do not hold for groups left out, are zero.

    Args:
        rows: What the directions are of.
        others: What they are to be told from.
        groups: Whose row it is.
        most: How many directions.

    Returns:
        Directions along which the rows have variance 1 or a little less, the surest first, and correlations.
    """
    best = torch.zeros(most), RIDGES[-1]
    parts = folds(groups)
    for softness in RIDGES:
        held = torch.stack([_held(rows, others, left_out, most, softness) for left_out in parts]).mean(dim=0)
        if held.clamp(min=0).square().sum() > best[0].clamp(min=0).square().sum():
            best = held, softness
    sure, softness = best
    first, _ = _canonical(rows, others, most, softness)
    sure = sure.clamp(0, 0.999)
    return first * (sure > 0), sure


def folds(groups: Int[Tensor, " N"]) -> list[Tensor]:
    """Return which rows are left out, (N,) bool, for each of five parts of the groups, or as many as there are."""
    _, number = groups.unique(return_inverse=True)
    count = min(FOLDS, int(number.max()) + 1)
    return [number % count == part for part in range(count)]


def _held(rows: Tensor, others: Tensor, left_out: Tensor, most: int, softness: float) -> Tensor:
    first, second = _canonical(rows[~left_out], others[~left_out], most, softness)
    a, b = rows[left_out] @ first, others[left_out] @ second
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp(min=1e-9)


def _canonical(rows: Tensor, others: Tensor, most: int, softness: float) -> tuple[Tensor, Tensor]:
    whitened = [_whitener(part, softness) for part in (rows, others)]
    left, right = (part @ white for part, white in zip((rows, others), whitened, strict=True))
    u, _, v = torch.linalg.svd((left - left.mean(0)).T @ (right - right.mean(0)) / len(rows), full_matrices=False)
    pair = []
    for white, basis in zip(whitened, (u, v.T), strict=True):
        directions = rows.new_zeros(len(white), most)
        kept = min(most, basis.shape[1])
        directions[:, :kept] = white @ basis[:, :kept]
        pair.append(directions)
    return pair[0], pair[1]


def _whitener(rows: Tensor, softness: float) -> Tensor:
    centred = rows - rows.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    return vectors / (values.clamp(min=0) + softness * values.mean() + 1e-9).sqrt()
