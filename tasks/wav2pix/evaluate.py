"""Measure faces drawn from voices: are they the right speaker's, faces at all, like photos, and not all one.

    python tasks/run.py --config=checkpoints/speakers/wav2pix/config.yaml --evaluate --eval_recogniser=dlib
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.origins import marks_of
from utils.arrays import Bytes
from utils.drawing.canvas import contact_sheet
from utils.faces.crops import CROP, crops_of
from utils.faces.detectors import make_detector
from utils.faces.recogniser import Recogniser, open_recogniser, units
from utils.files.tables import write_json
from utils.media.pictures import resized, write_picture
from utils.progress import Progress

ENOUGH = 2000
"""Pictures from which FID can be estimated; below, KID is told instead."""
SHOWN = 256
"""Side to which faces are enlarged for the detector."""


def evaluate(task: Any, folder: Path) -> None:
    """Draw the face of every validation sound, measure, print and write `metrics.json` and `faces.png`."""
    task.prepare()
    drawn, scores = task.make(task.pairs.wavs("val"))
    size = task.cfg.image_size
    faces = {
        "train": np.stack([resized(face, size) for face in task.pairs.faces("train")]),
        "real": np.stack([resized(face, size) for face in task.pairs.faces("val")]),
        "made": drawn,
    }
    labels = {"train": task.pairs.labels("train"), "real": task.pairs.labels("val"), "made": task.pairs.labels("val")}
    with make_detector(task.cfg.eval_detector) as detector:
        figures = measure(faces, labels, open_recogniser(task.cfg.eval_recogniser), detector)
    figures["speaker_told_by_classifier"] = float((scores.argmax(axis=1) == labels["made"]).mean())
    figures |= {"checkpoint": task.source, "pairs": len(drawn), "speakers": task.speakers, "image_size": size}
    shown = np.linspace(0, len(drawn) - 1, min(16, len(drawn))).round().astype(int)
    sheet = contact_sheet([*faces["real"][shown], *drawn[shown]], columns=len(shown))
    write_picture(folder / "faces.png", sheet, marks_of(task, "comparison"))
    write_json(folder / "metrics.json", figures)
    for name, value in figures.items():
        if isinstance(value, float):
            print(f"{name:28} {value:.4f}")
    print(f"features of FID and KID: {figures['features']}; figures and pictures in {folder}")


def measure(faces: dict[str, Bytes], labels: dict[str, Any], recogniser: Recogniser, detector: Any) -> dict[str, Any]:
    """Return the figures of made faces beside those of real ones.

    Args:
        faces: `train`, `real` and `made`, each (N, S, S, 3) at one size; real and made belong together.
        labels: Whose they are, (N,) each.
    """
    cut = {name: cut_out(pictures, detector, name) for name, pictures in faces.items()}
    templates = {name: units(recogniser.templates(crops)) for name, (crops, _) in cut.items()}
    speakers = np.unique(labels["train"])
    centroids = units(np.stack([templates["train"][labels["train"] == who].mean(0) for who in speakers]))
    whole = {name: recogniser.templates(np.stack([resized(f, CROP) for f in faces[name]])) for name in ("real", "made")}
    figures: dict[str, Any] = {
        "features": f"{recogniser.id.name} on the whole picture", "recogniser": recogniser.id.model_dump(),
    }  # fmt: skip
    for name in ("made", "real"):
        nearest = speakers[(templates[name] @ centroids.T).argmax(axis=1)]
        figures[f"right_speaker_{name}"] = float((nearest == labels[name]).mean())
        figures[f"face_found_{name}"] = float(cut[name][1].mean())
        figures[f"diversity_{name}"] = diversity(faces[name], labels[name])
    figures["cosine_with_real"] = float((templates["made"] * templates["real"]).sum(axis=1).mean())
    if len(whole["made"]) >= ENOUGH:
        figures["fid"] = fid(whole["real"], whole["made"])
    elif len(whole["made"]) > 1:
        figures["kid"] = kid(whole["real"], whole["made"])
    return figures


def cut_out(faces: Bytes, detector: Any, name: str) -> tuple[Bytes, NDArray[np.bool_]]:
    """Return aligned crops (N, 112, 112, 3) and where a face was found; elsewhere the whole picture is the crop."""
    crops, with_face = [], []
    with Progress(f"faces, {name}", len(faces)) as progress:
        for face in faces:
            crop = next(crops_of(resized(face, SHOWN), detector), None)
            with_face.append(crop is not None)
            crops.append(resized(face, CROP) if crop is None else crop)
            progress.step()
    return np.stack(crops), np.array(with_face)


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

