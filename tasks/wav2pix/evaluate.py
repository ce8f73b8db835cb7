"""Measure faces drawn from voices: are they the right speaker's, faces at all, like photos, and not all one.

python tasks/wav2pix/evaluate.py speakers/wav2pix --recogniser dlib
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(ROOT)  # else this folder hides the packages beside it

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from utils.arrays import Bytes  # noqa: E402
from utils.command import run_command  # noqa: E402
from utils.errors import ConfigError  # noqa: E402
from utils.faces.crops import CROP, crops_of  # noqa: E402
from utils.faces.recogniser import Recogniser, open_recogniser, units  # noqa: E402
from utils.media.pictures import resized  # noqa: E402
from utils.progress import Progress  # noqa: E402

ENOUGH = 2000
"""Pictures from which FID can be estimated; below, KID is told instead."""
SHOWN = 256
"""Side to which faces are enlarged for the detector."""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    out = argparse.ArgumentParser(
        prog="python tasks/wav2pix/evaluate.py", description=(__doc__ or "").splitlines()[0]
    )
    out.add_argument("run", help="the run, for example speakers/wav2pix")
    out.add_argument("--data", default="", help="folder of pairs; what the run was trained with unless given")
    out.add_argument(
        "--recogniser", default="arcface_mbf", help="who tells faces apart: arcface_mbf, dlib, an ONNX file"
    )
    out.add_argument("--detector", default="auto", help="who finds faces: auto, mediapipe, dlib")
    out.add_argument("--steps", default="best", help="best, last, or a number of updates")
    out.add_argument("--out", type=Path, default=None, help="folder for the figures; <run>/evaluation unless given")
    return out


def main(arguments: list[str] | None = None) -> int:
    """Draw the face of every validation sound, measure, print and write `metrics.json` and `faces.png`."""
    from tasks.core.loading import load_task
    from tasks.wav2pix.wav2pix import Wav2PixTask
    from utils.drawing.canvas import contact_sheet
    from utils.faces.detectors import make_detector
    from utils.files.tables import write_json
    from utils.media.pictures import write_picture

    args = parser().parse_args(arguments)
    task = load_task(args.run, int(args.steps) if args.steps.isdigit() else args.steps)
    if not isinstance(task, Wav2PixTask):
        raise ConfigError(f"{args.run} is a {task.cfg.task_cls}, not a wav2pix.")
    if args.data:
        task.cfg = task.cfg.model_copy(update={"binary_data_dir": args.data})
    task.prepare()
    made, scores = task.make(task.pairs.wavs("val"))
    size = task.cfg.image_size
    faces = {
        "train": np.stack([resized(face, size) for face in task.pairs.faces("train")]),
        "real": np.stack([resized(face, size) for face in task.pairs.faces("val")]),
        "made": made,
    }
    labels = {"train": task.pairs.labels("train"), "real": task.pairs.labels("val"), "made": task.pairs.labels("val")}
    with make_detector(args.detector) as detector:
        figures = measure(faces, labels, open_recogniser(args.recogniser), detector)
    figures["speaker_told_by_classifier"] = float((scores.argmax(axis=1) == labels["made"]).mean())
    figures |= {"checkpoint": task.source, "pairs": len(made), "speakers": task.speakers, "image_size": size}
    out = args.out or (task.work_dir or Path()) / "evaluation"
    some = np.linspace(0, len(made) - 1, min(16, len(made))).round().astype(int)
    write_picture(out / "faces.png", contact_sheet([*faces["real"][some], *made[some]], columns=len(some)))
    write_json(out / "metrics.json", figures)
    for name, value in figures.items():
        if isinstance(value, float):
            print(f"{name:28} {value:.4f}")
    print(f"features of FID and KID: {figures['features']}; figures and pictures in {out}")
    return 0


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
    """Return the mean absolute difference, 0 to 255, between two pictures of the same speaker."""
    totals, pairs = 0.0, 0
    for who in np.unique(labels):
        own = faces[labels == who].astype(np.float32)
        for shift in range(1, min(len(own), 9)):
            totals += float(np.abs(own[shift:] - own[:-shift]).mean(axis=(1, 2, 3)).sum())
            pairs += len(own) - shift
    return totals / pairs if pairs else 0.0


def kid(real: NDArray[np.floating[Any]], made: NDArray[np.floating[Any]]) -> float:
    """Return the kernel inception distance, unbiased, of features (N, D) and (M, D): kernel (x.y / D + 1)^3."""
    x, y = units(real).astype(np.float64) * real.shape[1] ** 0.5, units(made).astype(np.float64) * real.shape[1] ** 0.5

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def inner(a: NDArray[np.float64]) -> float:
        values = kernel(a, a)
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    return inner(x) + inner(y) - 2 * float(kernel(x, y).mean())


def fid(real: NDArray[np.floating[Any]], made: NDArray[np.floating[Any]]) -> float:
    """Return the Frechet distance between Gaussians fitted to features (N, D) and (M, D)."""
    a, b = np.asarray(real, np.float64), np.asarray(made, np.float64)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of sqrt(A B) is the sum of the roots of its eigenvalues, which are real and not negative.
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(0)).sum()
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)


if __name__ == "__main__":
    run_command(main)
