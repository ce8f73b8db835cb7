"""Look for a voice's owner among faces."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

RANKS = (1, 2, 5, 10)


class Recall(NamedTuple):
    """rank (N,) int64 of each voice's owner among `gallery` persons, 0 the nearest; gallery the count."""

    rank: Tensor
    gallery: int

    def figures(self) -> dict[str, float]:
        """Return the share found among the first 1, 2, 5, 10, and the persons to choose from."""
        shares = {f"recall_{k}": float((self.rank < k).float().mean()) for k in RANKS}
        return {**shares, "chance_1": 1 / self.gallery}


def retrieve(heard: Tensor, entry: Tensor, faces: Tensor, gallery: Tensor) -> Recall:
    """Rank the gallery's faces by cosine for each voice.

    Args:
        heard: (N, F) features heard.
        entry: (N,) whose they are.
        faces: (G, F) one feature for each person.
        gallery: (G,) who they are.
    """
    cosine = F.normalize(heard, dim=1) @ F.normalize(faces, dim=1).T
    own = (entry[:, None] == gallery[None]).float().argmax(dim=1)
    right = cosine.gather(1, own[:, None])
    others = torch.ones_like(cosine).scatter(1, own[:, None], 0.0)
    return Recall((((cosine >= right) * others).sum(dim=1)).long().cpu(), len(gallery))
