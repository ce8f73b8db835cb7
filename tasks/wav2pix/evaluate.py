"""Measure faces drawn from voices: are they the right speaker's, faces at all, like photos, and not all one.

    python tasks/run.py --config=checkpoints/speakers/wav2pix/config.yaml --evaluate --eval_recogniser=dlib
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.origins import marks_of
from tasks.verdicts.faces import cut_out
from tasks.verdicts.intervals import bootstrap, wilson
from tasks.verdicts.sheet import face_sheet, spread_out
from utils.arrays import Bytes, Floats
from utils.faces.crops import CROP
from utils.faces.detectors import make_detector
from utils.faces.recogniser import Recogniser, open_recogniser, units
from utils.files.aside import write_aside
from utils.files.tables import write_json
from utils.media.pictures import resized, write_picture

DRAWN = ("mean face", "another person")
"""Baselines that a made face has to be nearer to the real one than."""
ENOUGH = 2000
"""Pictures from which FID can be estimated; below, KID is told instead."""


def evaluate(task: Any, folder: Path) -> None:
    """Draw the face of every validation sound, measure, print and write `metrics.json`, `.md` and `faces.png`."""
    task.prepare()
    drawn, scores = task.make(task.pairs.wavs("val"))
    faces = Faces.of(task, drawn, {split: np.arange(task.pairs.count(split)) for split in ("train", "val")})
    figures = faces.figures()
    right = scores.argmax(axis=1) == faces.labels["made"]
    figures["speaker_told_by_classifier"] = float(right.mean())
    figures["intervals"]["speaker_told_by_classifier"] = wilson(float(right.mean()), len(right))
    figures |= {"checkpoint": task.source, "pairs": len(drawn), "speakers": task.speakers,
                "image_size": task.cfg.image_size}  # fmt: skip
    write_picture(folder / "faces.png", faces.sheet(), marks_of(task, "comparison"))
    write_json(folder / "metrics.json", figures)
    text = table(figures)
    with write_aside(folder / "metrics.md") as aside:
        aside.write_text(text)
    print(text, end="")
    print(f"features of FID and KID: {figures['features']}; figures and pictures in {folder}")


def table(figures: dict[str, Any]) -> str:
    """Write the figures with their intervals as a table."""
    lines = ["| figure | value | 95 % interval |", "|---|---|---|"]
    for name, value in figures.items():
        if isinstance(value, float):
            low_high = figures["intervals"].get(name)
            lines.append(f"| {name} | {value:.4f} | {'{:.4f} to {:.4f}'.format(*low_high) if low_high else ''} |")
    return "\n".join(lines) + "\n"


class Faces:
    """Made faces beside real ones, as a recogniser and a detector see them.

    Args:
        pictures: `train`, `real` and `made`, each (N, S, S, 3) at one size; real and made belong together.
        labels: Whose they are, (N,) each.
        recogniser: Who tells faces apart.
        detector: Who finds faces.
        names: Of the speakers, by label.
    """

    def __init__(
        self, pictures: dict[str, Bytes], labels: dict[str, Any], recogniser: Recogniser, detector: Any,
        names: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.pictures, self.labels, self.recogniser, self.names = pictures, labels, recogniser, names
        cut = {kind: cut_out(part, detector, kind) for kind, part in pictures.items()}
        self.found = {kind: with_face for kind, (_, with_face) in cut.items()}
        self.templates = {kind: units(recogniser.templates(crops)) for kind, (crops, _) in cut.items()}
        mean = resized(pictures["train"].mean(axis=0).round().astype(np.uint8), CROP)
        self.mean = units(recogniser.templates(mean[None]))[0]
        self.speakers = np.unique(labels["train"])
        own = [self.templates["train"][labels["train"] == who].mean(0) for who in self.speakers]
        self.centroids = units(np.stack(own))

    @classmethod
    def of(cls, task: Any, made: Bytes, chosen: dict[str, NDArray[np.int64]]) -> Faces:
        """Look at what a task made of the validation sounds `chosen["val"]`; `chosen["train"]` are compared with."""
        size, pairs = task.cfg.image_size, task.pairs
        real, train = (np.stack([resized(face, size) for face in pairs.faces(split)[chosen[split]]])
                       for split in ("val", "train"))  # fmt: skip
        labels = {kind: pairs.labels(split)[chosen[split]]
                  for kind, split in (("train", "train"), ("real", "val"), ("made", "val"))}  # fmt: skip
        with make_detector(task.cfg.eval_detector) as detector:
            recogniser = open_recogniser(task.cfg.eval_recogniser)
            return cls({"train": train, "real": real, "made": made}, labels, recogniser, detector, task.speakers)

    def nearest(self, kind: str) -> NDArray[Any]:
        """Return whose faces each of one kind is nearest to, (N,)."""
        return self.speakers[(self.templates[kind] @ self.centroids.T).argmax(axis=1)]

    def cosines(self) -> dict[str, Floats]:
        """Return the cosine with the real face of the moment, (N,), of the made one and of what needs no network.

        "another person" is the face that was made of another speaker's voice, as if pairs were shuffled; "nearest
        training face" the training face that the made one is most like, as if one had been looked up.
        """
        made, real, train = (self.templates[kind] for kind in ("made", "real", "train"))
        cosines = {"made": (made * real).sum(axis=1), "mean face": real @ self.mean}
        if len(other := shuffled(self.labels["made"])):
            cosines["another person"] = (made[other] * real).sum(axis=1)
        cosines["nearest training face"] = (train[(made @ train.T).argmax(axis=1)] * real).sum(axis=1)
        return cosines

    def figures(self) -> dict[str, Any]:
        """Return the figures of made faces beside those of real ones, and of baselines."""
        figures: dict[str, Any] = {
            "features": f"{self.recogniser.id.name} on the whole picture",
            "recogniser": self.recogniser.id.model_dump(),
        }
        between: dict[str, tuple[float, float]] = {}
        for kind in ("made", "real"):
            labels = self.labels[kind]
            for name, hits in (("right_speaker", self.nearest(kind) == labels), ("face_found", self.found[kind])):
                figures[f"{name}_{kind}"] = float(hits.mean())
                between[f"{name}_{kind}"] = wilson(float(hits.mean()), len(hits))
            figures[f"diversity_{kind}"] = diversity(self.pictures[kind], labels)
        labels = self.labels["made"]
        figures["right_speaker_guessed"] = float(np.bincount(labels).max() / len(labels))
        for name, cosines in self.cosines().items():
            key = "cosine_with_real" if name == "made" else f"cosine_{name.replace(' ', '_')}"
            one = bootstrap(cosines.astype(np.float64), np.arange(len(cosines)))
            figures[key], between[key] = one["mean"], (one["low"], one["high"])
        whole = {kind: self.recogniser.templates(np.stack([resized(face, CROP) for face in self.pictures[kind]]))
                 for kind in ("real", "made")}  # fmt: skip
        if len(whole["made"]) >= ENOUGH:
            figures["fid"] = fid(whole["real"], whole["made"])
        elif len(whole["made"]) > 1:
            figures["kid"] = kid(whole["real"], whole["made"])
        return {**figures, "intervals": between}

    def sheet(self) -> Bytes:
        """Lay out some sounds' real faces, the made ones, and the other speakers' faces that these are most like."""
        places = spread_out(len(self.labels["made"]))
        nearness = self.templates["made"][places] @ self.templates["train"].T
        labels = self.labels["made"][places]
        nearness[labels[:, None] == self.labels["train"][None]] = -2
        rows = {
            "real face": self.pictures["real"][places],
            "of the voice": self.pictures["made"][places],
            "nearest other": self.pictures["train"][nearness.argmax(axis=1)],
        }
        return face_sheet([self.names[label] if len(self.names) else str(label) for label in labels], rows)


def shuffled(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return for each row of labels (N,) the row of another speaker, (N,), always the same; empty for one speaker."""
    if len(np.unique(labels)) < 2:
        return np.zeros(0, np.int64)
    rng = np.random.default_rng(0)
    return np.array([rng.choice(np.flatnonzero(labels != label)) for label in labels])


def diversity(faces: Bytes, labels: NDArray[np.integer[Any]]) -> float:
    """Return the mean difference, 0 to 255, between two faces (N, S, S, 3) of one speaker; labels (N,) say whose."""
    totals, pairs = 0.0, 0
    for who in np.unique(labels):
        own = faces[labels == who].astype(np.float32)
        for shift in range(1, min(len(own), 9)):
            totals += float(np.abs(own[shift:] - own[:-shift]).mean(axis=(1, 2, 3)).sum())
            pairs += len(own) - shift
    return totals / pairs if pairs else 0.0


def kid(real: NDArray[np.floating[Any]], drawn: NDArray[np.floating[Any]]) -> float:
    """Return the kernel inception distance, unbiased, of features (N, D) and (M, D): kernel (x.y / D + 1)^3."""
    x, y = units(real).astype(np.float64) * real.shape[1] ** 0.5, units(drawn).astype(np.float64) * real.shape[1] ** 0.5

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def inner(a: NDArray[np.float64]) -> float:
        values = kernel(a, a)
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    return inner(x) + inner(y) - 2 * float(kernel(x, y).mean())


def fid(real: NDArray[np.floating[Any]], drawn: NDArray[np.floating[Any]]) -> float:
    """Return the Frechet distance between Gaussians fitted to features (N, D) and (M, D)."""
    a, b = np.asarray(real, np.float64), np.asarray(drawn, np.float64)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of sqrt(A B) is the sum of the roots of its eigenvalues, which are real and not negative.
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(0)).sum()
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)

