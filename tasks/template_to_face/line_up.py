"""Let a recogniser pick a person out of a line-up by a rebuilt face, as a witness would."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.verdicts.intervals import bootstrap
from utils.arrays import Floats, Reals

PEOPLE = 10
"""People in a line-up, one of them the right one."""
DRAWS = 20
"""Line-ups drawn for every face."""
SEED = 0
"""Who stands in them, and with which photo."""


def line_ups(
    probes: dict[str, Floats], photos: Floats, whose: NDArray[np.integer[Any]], people: int = PEOPLE
) -> dict[str, Any]:
    """Return how often the photo that a probe is most like is one of the right person, and what guessing would give.

    Every probe stands before the same line-ups: its own person's photo and one photo each of others, drawn with a
    seed. The person's photo is once the very photo whose template was rebuilt, and once another one of theirs.

    Args:
        probes: Unit templates (N, D) by what they are of, such as reconstructions; row i is of photo i.
        photos: Unit templates (N, D) of the true photos.
        whose: Whose they are (N,).
        people: How many stand in a line-up; all there are where they are fewer.

    Returns:
        `people`, `chance`, `line_ups` (how many), `seed`, and by name `same_photo` and `another_photo`, each mean and
        95 % interval of drawing people again; None where nobody has another photo. Empty for less than two people.
    """
    names, who = np.unique(whose, return_inverse=True)
    people = min(people, len(names))
    if people < 2:
        return {}
    order, counts = np.argsort(who, kind="stable"), np.bincount(who)
    begins = counts.cumsum() - counts
    shares = {name: {"same_photo": np.zeros(len(who)), "another_photo": np.zeros(len(who))} for name in probes}
    rng = np.random.default_rng(SEED)
    for number, person in enumerate(who):
        ranks = rng.random((DRAWS, len(names)))
        ranks[:, person] = 2.0  # the person comes last, so never among the others
        others = np.argpartition(ranks, people - 2, axis=1)[:, : people - 1]
        strangers = order[begins[others] + (rng.random(others.shape) * counts[others]).astype(int)]
        own = order[begins[person] : begins[person] + counts[person]]
        own = own[own != number]
        another = rng.choice(own, DRAWS) if len(own) else None
        for name, templates in probes.items():
            likest = (photos[strangers] @ templates[number]).max(axis=1)
            shares[name]["same_photo"][number] = (photos[number] @ templates[number] > likest).mean()
            if another is not None:
                shares[name]["another_photo"][number] = (photos[another] @ templates[number] > likest).mean()
    several = counts[who] > 1
    figures: dict[str, Any] = {"people": people, "chance": 1 / people, "line_ups": len(who) * DRAWS, "seed": SEED}
    for name, parts in shares.items():
        figures[name] = {
            "same_photo": _mean(parts["same_photo"], who),
            "another_photo": _mean(parts["another_photo"][several], who[several]),
        }
    return figures


def _mean(shares: Reals, whose: NDArray[np.integer[Any]]) -> dict[str, float] | None:
    return bootstrap(shares, whose) if len(shares) else None


def line_up_table(figures: dict[str, Any]) -> list[str]:
    """Write what `line_ups` returned as lines of a table; none for less than two people."""
    if not figures:
        return []
    said = f"Picked out of {figures['people']} people by a face (by chance {100 * figures['chance']:.1f} %), "
    said += f"{figures['line_ups']:,} line-ups drawn with seed {figures['seed']}:"
    lines = [said, "", "| | the very photo among them | another photo of the person |", "|---|---|---|"]
    for name, parts in figures.items():
        if isinstance(parts, dict):
            lines.append(f"| {name} | {_said(parts['same_photo'])} | {_said(parts['another_photo'])} |")
    return [*lines, ""]


def _said(share: dict[str, float] | None) -> str:
    if share is None:
        return "-"
    mean, low, high = (100 * share[key] for key in ("mean", "low", "high"))
    return f"{mean:.1f} ({low:.1f} to {high:.1f}) %"
