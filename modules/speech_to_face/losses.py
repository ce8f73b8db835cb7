"""What it costs when the face feature heard differs from the one seen; and what a drawn face costs."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

Reduction = Literal["row", "batch"]
TEMPERATURE = 2.0


def direction_loss(
    heard: Float[Tensor, "B F"], seen: Float[Tensor, "B F"], reduction: Reduction = "row"
) -> Float[Tensor, ""]:
    """Return the squared distance of the directions.

    `row` normalises each feature and averages over rows; `batch` is the original: norms are taken of the whole
    batch's matrix, and the sum over all rows is given, so that it shrinks as features grow unequal in length.
    """
    if reduction == "batch":
        return (seen / seen.norm() - heard / heard.norm()).square().sum()
    return (F.normalize(seen, dim=1) - F.normalize(heard, dim=1)).square().sum(dim=1).mean()


def distil_loss(
    heard_logits: Float[Tensor, "B K"], seen_logits: Float[Tensor, "B K"], reduction: Reduction = "row",
    temperature: float = TEMPERATURE,
) -> Float[Tensor, ""]:  # fmt: skip
    """Return the cross-entropy of the softened answers of the face encoder's last layer.

    Summed over classes; averaged over rows, or summed over them too (`batch`, the original).
    """
    teacher = (seen_logits.detach() / temperature).softmax(dim=1)
    each = -(teacher * (heard_logits / temperature).log_softmax(dim=1)).sum(dim=1)
    return each.sum() if reduction == "batch" else each.mean()


def decoder_loss(heard_trunk: Float[Tensor, "B D"], seen_trunk: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
    """Return the mean distance of the face decoder's trunk activations."""
    return (heard_trunk - seen_trunk).abs().mean()


def contrastive_loss(
    heard: Float[Tensor, "B F"], seen: Float[Tensor, "B F"], person: Int[Tensor, B], temperature: float = 0.07
) -> Float[Tensor, ""]:
    """Return InfoNCE both ways: among the batch, find the face to the voice and the voice to the face.

    Rows of the same person are no negatives of each other: their probabilities are added.
    """
    logits = F.normalize(heard, dim=1) @ F.normalize(seen, dim=1).T / temperature
    same = person[:, None] == person[None]
    right = torch.where(same, logits, logits.new_tensor(float("-inf")))
    both = [right.logsumexp(dim) - logits.logsumexp(dim) for dim in (0, 1)]
    return -torch.stack(both).mean()


def identity_loss(heard: Float[Tensor, "B F"], seen: Float[Tensor, "B F"]) -> Float[Tensor, ""]:
    """Return 1 less the cosine of two features, averaged over rows."""
    return 1 - F.cosine_similarity(heard, seen, dim=1).mean()
