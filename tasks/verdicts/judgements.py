"""What is asked of every family that makes faces: better than guessing, nearer than a mean face, not all alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.verdicts.findings import Finding, Limit, Verdict, worst
from tasks.verdicts.intervals import bootstrap, wilson
from utils.arrays import Numbers, Reals

LIMITS: dict[str, Limit] = {
    "kept": Limit(0.9, 0.6),
    "spread": Limit(0.5, 0.25),
    "faces_found": Limit(0.9, 0.6),
    "generalises": Limit(0.7, 0.4),
    "loss_ratio": Limit(0.8, 0.95, rising=False),
    "past_best": Limit(1.05, 1.25, rising=False),
}
"""From where on figures that families share are good, fair or poor."""
FEWEST = 5
"""Of fewer that stand or fall each by itself no share is good: one that hits by chance is a large part of them."""
LEARNT = 0.02
"""By how much a figure on known data has to be above what looks at nothing, before it is asked what holds."""
ALIKE = (
    "The faces look alike whatever goes in: the network answers with the mean of all faces, which is the commonest way "
    "in which such a training fails."
)


def files(kept: int, skipped: dict[str, str] | int, what: str, remedy: str) -> Finding:
    """Judge how many of the files that were given could be used.

    Args:
        kept: How many.
        skipped: The others, each with the reason, or how many they are.
        what: What files they are, in words.
        remedy: What to do when they are few.
    """
    lost = skipped if isinstance(skipped, int) else len(skipped)
    share = kept / max(1, kept + lost)
    said = f"{kept} of {kept + lost} {what} could be used, {share:.0%} {LIMITS['kept'].asks('{:.0%}')}"
    if not isinstance(skipped, int) and skipped:
        reasons: dict[str, int] = {}
        for why in skipped.values():
            reasons[why.split("(")[0].strip()] = reasons.get(why.split("(")[0].strip(), 0) + 1
        most = sorted(reasons.items(), key=lambda item: -item[1])[:3]
        said += "; left out: " + ", ".join(f"{count} x {why}" for why, count in most)
    means = "Much of what was given teaches nothing."
    return Finding("files", LIMITS["kept"].judge(share), said, {"kept": share, "skipped": lost}, means, remedy)


def counted(name: str, counts: dict[str, tuple[float, Limit]], said: str, means: str, remedy: str) -> Finding:
    """Judge counts of what the data has, each by its limit; the worst one decides.

    Args:
        counts: Name -> how many and from where on that is good.
        said: The counts in words.
    """
    verdicts = [limit.judge(value) for value, limit in counts.values()]
    return Finding(name, worst(verdicts), said, {key: value for key, (value, _) in counts.items()}, means, remedy)


def against_chance(
    name: str, what: str, share: float, chance: float, count: int, remedy: str, source: str = ""
) -> Finding:
    """Judge a share of hits by what guessing hits.

    Good is twice as often as chance (or half-way from chance to always, where that is less), with an interval that
    leaves chance out, of five at least; fair is more often than chance.

    Args:
        name: Of the finding.
        what: What was hit, in words.
        share: How often.
        chance: How often guessing does.
        count: How many stand or fall each by itself: persons, where a person's sounds go together.
        remedy: What to do when it is not good.
        source: The checkpoint.
    """
    if chance >= 1:
        means = "It cannot be wrong."
        return Finding(name, "not measured", "there is one to choose from", {}, means, remedy, source)
    low, high = wilson(share, count)
    verdict: Verdict = "poor" if share <= chance else "fair"
    if count >= FEWEST and low > chance and share >= min(2 * chance, (1 + chance) / 2):
        verdict = "good"
    said = f"{what} in {share:.1%} ({low:.1%} to {high:.1%}); guessing: {chance:.1%}"
    if verdict == "fair" and (low <= chance or count < FEWEST):
        said += "; so few cannot tell it from guessing"
    figures = {"share": share, "low": low, "high": high, "chance": chance, "count": count}
    means = "What goes in says little or nothing about what comes out."
    return Finding(name, verdict, said, figures, means, remedy, source)


def ahead_of(
    name: str, what: str, own: float, others: dict[str, dict[str, float]], remedy: str, source: str = ""
) -> Finding:
    """Judge by how much a figure is ahead of what needs no network.

    Good is ahead of all with intervals above 0, fair is ahead in the mean.

    Args:
        what: The figure in words.
        own: It.
        others: Baseline -> mean, low and high of the difference, and `value`, what the baseline itself reaches.
    """
    verdicts: list[Verdict] = []
    parts = []
    for baseline, one in others.items():
        verdicts.append("good" if one["low"] > 0 else "fair" if one["mean"] > 0 else "poor")
        parts.append(f"{baseline} {one['value']:.3f} (ahead by {one['low']:+.3f} to {one['high']:+.3f})")
    figures = {"own": own}
    for baseline, one in others.items():
        key = baseline.replace(" ", "_")
        figures |= {key: one["value"], f"ahead_of_{key}": one["mean"], f"ahead_of_{key}_low": one["low"]}
    means = "It is no better than an answer that looks at nothing."
    return Finding(name, worst(verdicts), f"{what} {own:.3f}; " + ", ".join(parts), figures, means, remedy, source)


def differences(own: Reals, others: Mapping[str, Reals], groups: Numbers) -> dict[str, dict[str, float]]:
    """Return by how much figures (N,) are ahead of others (N,) each, with the interval of drawing persons again.

    Args:
        groups: (N,) whose row it is.
    """
    return {name: {**bootstrap(own - values, groups), "value": float(values.mean())} for name, values in others.items()}


def spread_of(rows: Reals) -> float:
    """Return how far rows (N, ...) lie from their mean: the root of the mean squared distance."""
    flat = np.asarray(rows, np.float64).reshape(len(rows), -1)
    return float(np.sqrt(np.square(flat - flat.mean(axis=0)).sum(axis=1).mean()))


def alike(parts: dict[str, tuple[Reals, Reals]], persons: int, remedy: str, source: str = "") -> Finding:
    """Judge whether what is made of different persons differs as the persons do.

    Args:
        parts: What is compared, in words -> rows of what was made (N, ...), one a person, and of the real (N, ...).
        persons: How many.
        remedy: What to do when all look alike.
    """
    ratios = {name: spread_of(made) / max(spread_of(real), 1e-9) for name, (made, real) in parts.items()}
    said = ", ".join(f"{name} differ {ratio:.0%} as much as real ones" for name, ratio in ratios.items())
    said += f" {LIMITS['spread'].asks('{:.0%}')}, over {persons} persons"
    figures: dict[str, float] = {f"spread_{name.replace(' ', '_')}": ratio for name, ratio in ratios.items()}
    verdict = worst([LIMITS["spread"].judge(ratio) for ratio in ratios.values()])
    if persons < 2:
        return Finding("faces differ", "not measured", "there is one person to compare", figures, ALIKE, remedy, source)
    return Finding("faces differ", verdict, said, figures, ALIKE, remedy, source)


def faces_found(made: float, real: float, count: int, remedy: str, source: str = "") -> Finding:
    """Judge in what share of `count` made pictures a detector finds a face, beside the real ones."""
    figures = {"made": made, "real": real, "count": float(count)}
    said = f"a face is found in {made:.0%} of {count} made pictures, in {real:.0%} of the real ones "
    said += f"(good from {LIMITS['faces_found'].good:.0%} of that)"
    means = "What is made is no face to those who look for one."
    if not real:
        said += "; such pictures cannot be judged so"
        means = "The detector does not know such faces."
        return Finding("faces found", "not measured", said, figures, means, source=source)
    return Finding("faces found", LIMITS["faces_found"].judge(made / real), said, figures, means, remedy, source)


def generalises(what: str, known: float, unseen: float, remedy: str, source: str = "", base: float = 0.0) -> Finding:
    """Judge how much of a figure on what was trained on is left on what was not.

    Args:
        what: The figure in words; the larger the better.
        known: On training data.
        unseen: On validation data.
        base: What an answer that looks at nothing reaches: only what is above it was learnt.
    """
    if known <= base + LEARNT:
        said = f"{what}: {known:.3f} on what it was trained on, and {base:.3f} without looking"
        return Finding("known and unseen", "not measured", said, {"known": known, "unseen": unseen, "base": base},
                       "Nothing was learnt that could hold.", "Train longer first.", source)  # fmt: skip
    share = (unseen - base) / (known - base)
    limit = LIMITS["generalises"]
    said = f"{what}: {known:.3f} on what it was trained on, {unseen:.3f} on what it was not; {share:.0%} of what it "
    said += f"learnt holds {limit.asks('{:.0%}')}"
    figures: dict[str, Any] = {"known": known, "unseen": unseen, "base": base, "share": share}
    means = "It has learnt its examples by heart."
    return Finding("known and unseen", limit.judge(share), said, figures, means, remedy, source)
