"""Evaluate voice encoders and face decoders on unseen persons: figures with intervals, a table, a picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from utils.files import write_aside, write_json

if TYPE_CHECKING:
    from tasks.face_decoder import FaceDecoderTask
    from tasks.face_encoder import FaceEncoderTask
    from tasks.voice_task import VoiceTask

log = logging.getLogger(__name__)
Floats = NDArray[np.floating[Any]]
DRAWS = 1000
RATIOS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "nose width / face width": ((31, 35), (0, 16)),
    "nasal index (width / height)": ((31, 35), (27, 33)),
    "nose height / face height": ((27, 33), (27, 8)),
    "jaw width / face width": ((4, 12), (0, 16)),
    "mouth width / face width": ((48, 54), (0, 16)),
    "intercanthal / face width": ((39, 42), (0, 16)),
    "upper lip / mouth width": ((51, 62), (48, 54)),
    "lower lip / mouth width": ((66, 57), (48, 54)),
    "mandible / face height": ((57, 8), (27, 8)),
    "face height / width": ((27, 8), (0, 16)),
}
"""Craniofacial ratios: distance of two landmarks over the distance of two others."""


def _interval(value: float, again: Floats | list[float]) -> dict[str, float]:
    """Return a figure, and the middle 95 % of what it was on persons that were drawn again."""
    low, high = np.quantile(again, [0.025, 0.975])
    return {"mean": float(value), "low": float(low), "high": float(high)}


def bootstrap(values: Floats, groups: Floats, seed: int = 0) -> dict[str, float]:
    """Return mean, and the 95 % interval when persons (not rows) are drawn again with replacement.

    Args:
        values: (N,) one figure a row.
        groups: (N,) whose row it is.
    """
    _, inverse = np.unique(groups, return_inverse=True)
    sums = np.bincount(inverse, weights=values)
    counts = np.bincount(inverse)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (DRAWS, len(sums)))
    return _interval(values.mean(), sums[drawn].sum(1) / counts[drawn].sum(1))


def bootstrap_correlation(a: Floats, b: Floats, seed: int = 0) -> dict[str, float]:
    """Return Pearson's correlation of (N,) and (N,), one row a person, with the 95 % interval."""

    def pearson(x: Floats, y: Floats) -> Floats:
        x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
        spread = np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
        return (x * y).sum(-1) / np.maximum(spread, 1e-12)

    drawn = np.random.default_rng(seed).integers(0, len(a), (DRAWS, len(a)))
    return _interval(float(pearson(a, b)), pearson(a[drawn], b[drawn]))


def bootstrap_shape(drawn: Floats, true: Floats, seed: int = 0) -> dict[str, float]:
    """Return the correlation of landmarks (persons, 68, 2), as offsets from their mean, with the 95 % interval."""

    def correlation(a: Floats, b: Floats) -> float:
        a, b = a - a.mean(0), b - b.mean(0)
        return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12))

    again = np.random.default_rng(seed).integers(0, len(drawn), (DRAWS, len(drawn)))
    return _interval(correlation(drawn, true), [correlation(drawn[some], true[some]) for some in again])


def bootstrap_auc(feature: Tensor, person: Tensor, seed: int = 0) -> dict[str, float]:
    """Return how well pairs of one person are told from pairs of two, and the 95 % interval of drawing persons again.

    Args:
        feature: (N, F), any length.
        person: (N,) whose picture it is.
    """
    unit = F.normalize(feature.double(), dim=1)
    first, second = np.triu_indices(len(unit), 1)
    order = (unit @ unit.T).numpy()[first, second].argsort()
    _, number = np.unique(person.numpy(), return_inverse=True)
    first, second = number[first[order]], number[second[order]]
    same = first == second

    def auc(weight: Floats) -> float:
        own, other = weight * same, weight * ~same
        return float((own * other.cumsum()).sum() / max(own.sum() * other.sum(), 1e-12))

    found = []
    persons = number.max() + 1
    for drawn in np.random.default_rng(seed).integers(0, persons, (DRAWS // 5, persons)):
        times = np.bincount(drawn, minlength=persons).astype(np.float64)
        found.append(auc(times[first] * times[second]))
    return _interval(auc(np.ones(len(first))), found)


def ratios(landmarks: Floats) -> dict[str, Floats]:
    """Return the craniofacial ratios of landmarks (N, 68, 2)."""

    def length(pair: tuple[int, int]) -> Floats:
        return np.linalg.norm(landmarks[:, pair[0]] - landmarks[:, pair[1]], axis=-1)

    return {name: length(a) / np.maximum(length(b), 1e-6) for name, (a, b) in RATIOS.items()}


def per_person(values: Floats, groups: Floats) -> Floats:
    """Average rows (N, ...) over persons: (persons, ...), in the order of their numbers."""
    return np.stack([values[groups == number].mean(0) for number in np.unique(groups)])


def shape_correlations(drawn: Floats, true: Floats, groups: Floats) -> dict[str, dict[str, float]]:
    """Correlate landmarks (offsets from their mean, all coordinates together) and ratios over persons."""
    drawn, true = per_person(drawn, groups), per_person(true, groups)
    if len(drawn) < 3:
        return {}
    found = {"landmark correlation": bootstrap_shape(drawn, true)}
    mine, theirs = ratios(drawn), ratios(true)
    for name in RATIOS:
        found[f"ratio: {name}"] = bootstrap_correlation(mine[name], theirs[name])
    return found


def cosine_with_others(cosine: Floats, groups: Floats) -> Floats:
    """Return for each row of (N, N) the mean over the columns of other persons; empty when there is one person."""
    others = groups[:, None] != groups[None]
    if not others.any():
        return np.zeros(0)
    return np.asarray((cosine * others).sum(1) / others.sum(1))


def write_evaluation(task: VoiceTask, heard: Tensor, feature: Tensor, entry: Tensor) -> None:
    """Write `evaluation.json`, `.md` and `.png` of a voice encoder into its run's folder."""
    from tasks.face_decoder import FaceDecoderTask
    from tasks.face_encoder import FaceEncoderTask
    from tasks.voice_task import RANKS

    assert task.work_dir is not None
    assert task.recall is not None
    data = task._data
    assert data is not None
    groups = np.array([data.numbers[int(e)] for e in entry.cpu()])
    a, b = F.normalize(heard, dim=1), F.normalize(feature, dim=1)
    figures: dict[str, dict[str, float]] = {}
    similarity = {"cosine": (a * b).sum(1), "L2": (a - b).norm(dim=1), "L1": (a - b).abs().sum(1)}
    for name, values in similarity.items():
        figures[f"feature {name}"] = bootstrap(values.double().cpu().numpy(), groups)
    other = cosine_with_others((a @ b.T).double().cpu().numpy(), groups)
    if len(other):
        figures["feature cosine with another person"] = bootstrap(other, groups)
    gallery = task.recall.gallery
    for k in RANKS:
        hits = (task.recall.rank < k).double().numpy()
        figures[f"R@{k}"] = {**bootstrap(hits, groups), "chance": min(1.0, k / gallery)}
    whole, whose = task.retrieve_whole()
    numbers = np.array([data.numbers[int(e)] for e in whose])
    for k in RANKS:
        hits = (whole.rank < k).double().numpy()
        figures[f"R@{k}, whole sounds"] = {**bootstrap(hits, numbers), "chance": min(1.0, k / gallery)}
    decoder, encoder = task.frozen.get("face_decoder"), task.frozen.get("face_encoder")
    if isinstance(decoder, FaceDecoderTask) and isinstance(encoder, FaceEncoderTask):
        with torch.no_grad():
            faces = [decoder.render(part) for part in heard.split(32)]
            again = torch.cat([encoder.features(face.face).float() for face in faces])
        drawn = torch.cat([face.landmarks for face in faces]).double().cpu().numpy()
        cosine = F.cosine_similarity(again, feature, dim=1)
        figures["drawn face's feature cosine"] = bootstrap(cosine.double().cpu().numpy(), groups)
        true = np.stack([data.landmarks_px(int(e)).mean(0) for e in entry.cpu()]).astype(np.float64) / 112 - 1
        figures |= shape_correlations(drawn, true, groups)
    about = {"voices": len(heard), "persons": gallery, "checkpoint": task.source, "data": str(data.path)}
    write_report(task.work_dir, about, figures)


def write_decoder_evaluation(task: FaceDecoderTask) -> None:
    """Write `evaluation.json`, `.md` and `.png` of a face decoder into its run's folder."""
    assert task.work_dir is not None
    drawn, true, cosine = (torch.cat(parts).double().cpu().numpy() for parts in zip(*task.seen, strict=True))
    batches = task.val_source()
    groups = torch.cat([batch.person for batch in batches]).numpy()[: len(cosine)]
    error = np.linalg.norm(drawn - true, axis=-1).mean(1) / 0.56
    figures = {
        "face-to-face cosine": bootstrap(cosine, groups),
        "landmark error (eye distances)": bootstrap(error, groups),
        **shape_correlations(drawn, true, groups),
    }
    about = {"faces": len(cosine), "checkpoint": task.source, "data": task.cfg.binary_data_dir}
    write_report(task.work_dir, about, figures)


def write_encoder_evaluation(task: FaceEncoderTask, feature: Tensor, person: Tensor) -> None:
    """Write `evaluation.json`, `.md` and `.png` of a face encoder into its run's folder."""
    from tasks.face_encoder import verification

    assert task.work_dir is not None
    feature, person = feature.cpu(), person.cpu()
    figures = {"verification AUC": bootstrap_auc(feature, person)}
    names = {"balanced_accuracy": "balanced accuracy", "cosine_same": "cosine, same person",
             "cosine_other": "cosine, two persons"}  # fmt: skip
    told = verification(feature, person)
    figures |= {name: {"mean": float(told[key])} for key, name in names.items() if key in told}
    about = {"faces": len(feature), "persons": len(person.unique()), "checkpoint": task.source,
             "data": task.cfg.binary_data_dir}  # fmt: skip
    write_report(task.work_dir, about, figures)


def write_report(folder: Path, about: dict[str, Any], figures: dict[str, dict[str, float]]) -> None:
    """Write figures as JSON, as a table and as a picture."""
    write_json(folder / "evaluation.json", {"about": about, "figures": figures})
    lines = ["| figure | value | 95 % interval | chance |", "|---|---|---|---|"]
    for name, f in figures.items():
        interval = f"{f['low']:.3f} to {f['high']:.3f}" if "low" in f else ""
        chance = f"{f['chance']:.3f}" if "chance" in f else ""
        lines.append(f"| {name} | {f['mean']:.3f} | {interval} | {chance} |")
    with write_aside(folder / "evaluation.md") as aside:
        aside.write_text("\n".join(lines) + "\n")
    _write_picture(folder / "evaluation.png", figures)
    log.info("Figures with intervals: %s", folder / "evaluation.md")


def _write_picture(path: Path, figures: dict[str, dict[str, float]]) -> None:
    """Draw the figures with their intervals; those outside -1..1 are left to the table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {name: f for name, f in figures.items() if abs(f["mean"]) <= 1}
    figure = Figure(figsize=(7, 0.32 * len(shown) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    for row, f in enumerate(reversed(shown.values())):
        axes.plot([f["mean"]], [row], "o", color="tab:blue")
        if "low" in f:
            axes.plot([f["low"], f["high"]], [row, row], color="tab:blue")
        if "chance" in f:
            axes.plot([f["chance"]], [row], "|", color="tab:red", markersize=12)
    axes.set_yticks(range(len(shown)), list(reversed(shown)))
    axes.axvline(0, color="grey", linewidth=0.5)
    axes.set_xlabel("value and 95 % interval; red: chance")
    FigureCanvasAgg(figure)
    with write_aside(path) as aside:
        figure.savefig(aside, dpi=110)
