"""Who is for training and who is not: whole persons, every label in its share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

Split = Literal["train", "val", "test"]


def split_persons(
    persons: Sequence[str], labels: Mapping[str, str] | None = None, *, val: float = 0.1, test: float = 0.1,
    seed: int = 0,
) -> dict[str, Split]:  # fmt: skip
    """Give each person a split; persons of one label are spread over the splits evenly.

    Within a label the order follows a digest of seed and name, so it does not depend on how the folder is listed.
    Of two or more persons at least one is for validation.
    """

    def place(person: str) -> tuple[str, str]:
        return (labels or {}).get(person, ""), hashlib.sha256(f"{seed}/{person}".encode()).hexdigest()

    held_out = val + test
    splits: dict[str, Split] = {}
    taken = 0
    ordered = sorted(persons, key=place)
    for number, person in enumerate(ordered):
        if int((number + 1) * held_out + 1e-9) > int(number * held_out + 1e-9):
            share = test / held_out
            splits[person] = "test" if int((taken + 1) * share + 1e-9) > int(taken * share + 1e-9) else "val"
            taken += 1
        else:
            splits[person] = "train"
    if val > 0 and len(ordered) > 1 and "val" not in splits.values():
        splits[ordered[-1]] = "val"
    return splits
