"""Say of pairs of voice and face, and of a network trained on them, whether they are sound, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.origins import marks_of
from data_gen.wav2pix.pairs import FaceVoicePairs
from tasks.verdicts.door import FamilyCheck
from tasks.verdicts.faces import little
from tasks.verdicts.findings import Finding, Limit
from tasks.verdicts.judgements import (
    LIMITS,
    against_chance,
    ahead_of,
    alike,
    counted,
    differences,
    faces_found,
    files,
    generalises,
    spread_of,
)
from tasks.verdicts.sheet import spread_out
from tasks.wav2pix.evaluate import DRAWN, Faces
from utils.media.pictures import write_picture

MOST = 200
"""Pairs of each split that are judged."""
OWN = {
    "pairs_each": Limit(100, 30),
    "evenness": Limit(0.5, 0.2),
    "val_pairs": Limit(20, 6),
    "within": Limit(0.3, 0.1),
}
"""Pairs of the speaker who has fewest; those over the pairs of who has most; and for measuring."""


class Wav2PixCheck(FamilyCheck):
    """Judge a generator by unheard sounds of the speakers whom it knows."""

    limits = {**LIMITS, **OWN}
    by_heart = "Set augment and augment_sound; give more pairs of each speaker; train fewer updates."

    def data(self, config: Any) -> Iterator[Finding]:
        """Judge how many pairs there are of each speaker, and what could not be used."""
        pairs = FaceVoicePairs(config.binary_data_dir)
        speakers = len(pairs.meta.speakers)
        each = np.bincount(pairs.labels("train"), minlength=speakers)
        least, most = int(each.min()), int(each.max())
        counts = {
            "pairs_each": (float(least), OWN["pairs_each"]),
            "evenness": (least / most, OWN["evenness"]),
            "val_pairs": (float(pairs.count("val")), OWN["val_pairs"]),
        }
        said = (
            f"{speakers} speakers with {least} to {most} pairs {OWN['pairs_each'].asks()}, {pairs.count('val')} pairs "
        )
        said += f"to measure on {OWN['val_pairs'].asks()}"
        means = "A speaker of few pairs gets the face of another."
        yield counted("pairs", counts, said, means, "Give some minutes of each speaker, about as much of each.")
        used = pairs.count("train") + pairs.count("val")
        remedy = f"A sound lasts {pairs.meta.samples / 16_000:g} s at least and is not silent; one face a picture."
        yield files(used, pairs.meta.skipped, "pairs", remedy)

    def trained(self, task: Any, picture: Path) -> Iterator[Finding]:
        """Let classifier and recogniser say whose the made faces are, and see whether they are all one."""
        source, speakers = task.source["path"], len(task.speakers)
        chosen = {split: spread_out(task.pairs.count(split), MOST) for split in ("val", "train")}
        made, scores = task.make(task.pairs.wavs("val")[chosen["val"]])
        labels = task.pairs.labels("val")[chosen["val"]]
        right = scores.argmax(axis=1) == labels
        known_scores = task.make(task.pairs.wavs("train")[chosen["train"]])[1]
        known = (known_scores.argmax(axis=1) == task.pairs.labels("train")[chosen["train"]]).mean()
        count, chance = len(labels), float(np.bincount(labels).max() / len(labels))
        remedy = "Set augment_sound; more pairs of each speaker; weights.softmax 20; matching: projection."
        yield against_chance(
            "the voice is told",
            "the right speaker by the classifier within",
            float(right.mean()),
            chance,
            count,
            remedy,
            source,
        )
        yield generalises("speaker told", float(known), float(right.mean()), self.by_heart, source, base=1 / speakers)
        faces = Faces.of(task, made, chosen)
        hits = faces.nearest("made") == labels
        yield against_chance(
            "the face is the right speaker's",
            "nearest to the right speaker's faces",
            float(hits.mean()),
            chance,
            count,
            remedy,
            source,
        )
        cosines = faces.cosines()
        others = {name: values for name, values in cosines.items() if name in DRAWN}
        yield ahead_of(
            "nearer than a mean face",
            "cosine with the real face",
            cosines["made"].mean(),
            differences(cosines["made"], others, np.arange(count)),
            "Train longer; weights.l1 50; ema_decay 0.999.",
            source,
        )
        yield faces_found(
            float(faces.found["made"].mean()),
            float(faces.found["real"].mean()),
            count,
            "Train longer; raise weights.l1; a smaller image_size first.",
            source,
        )
        yield self._between(faces, labels, source)
        yield self._within(faces, labels, source)
        write_picture(picture, faces.sheet(), marks_of(task, "comparison"))

    @staticmethod
    def _between(faces: Any, labels: Any, source: str) -> Finding:
        """Judge whether speakers get faces of their own."""
        means = [
            np.stack([little(part[labels == who]).mean(axis=0) for who in np.unique(labels)])
            for part in (faces.pictures["made"], faces.pictures["real"])
        ]
        remedy = "matching: projection, weights.softmax 20; a smaller lr_D; augment: true."
        return alike({"mean faces of speakers": (means[0], means[1])}, len(means[0]), remedy, source)

    @staticmethod
    def _within(faces: Any, labels: Any, source: str) -> Finding:
        """Judge whether a speaker's faces follow the moment, or are one picture."""
        limit, ratios = OWN["within"], []
        for who in np.unique(labels):
            made, real = (little(faces.pictures[kind][labels == who]) for kind in ("made", "real"))
            ratios.append(spread_of(made) / max(spread_of(real), 1e-9))
        ratio = float(np.mean(ratios))
        said = f"pictures of one speaker differ {ratio:.0%} as much as real ones {limit.asks('{:.0%}')}"
        means = "Modes have collapsed: each speaker has one picture, whatever is said."
        remedy = "Lower weights.l1 and l2, raise dropout and weights.adv; stop earlier (--steps)."
        return Finding("modes", limit.judge(ratio), said, {"within": ratio}, means, remedy, source)
