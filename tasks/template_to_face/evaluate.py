"""Measure how well a template decoder's faces are recognised, beside what needs no decoder.

    python tasks/run.py --config=checkpoints/faces/template_decoder/config.yaml --evaluate --eval_second=dlib
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data_gen.origins import marks_of
from data_gen.templates.shards import Split, TemplateShards
from tasks.template_to_face.line_up import line_up_table, line_ups
from tasks.verdicts.intervals import bootstrap
from tasks.verdicts.sheet import face_sheet, one_of_each
from tasks.weights.lpips import open_lpips
from utils.arrays import Bytes, Floats
from utils.errors import ConfigError, DataError
from utils.faces.crops import CROP
from utils.faces.recogniser import Recogniser, find_recogniser, open_recogniser, units
from utils.files.aside import write_aside
from utils.files.tables import write_json
from utils.media.pictures import resized, write_picture
from utils.progress import Progress

RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""False match rates at which the share of recognised faces is told."""
GRID = 20_000
"""Bins of the cosine on [-1, 1]."""
MOST_CROPS = 2000
"""Training crops read for the mean face and for a second recogniser's impostors."""
MOST_TRAINING = 100_000
"""Training templates read, for the nearest one."""
MOST_COMPARED = 10_000
"""Templates compared with each other for impostor pairs: fifty million pairs, some three CPU seconds."""
SEED = 0
"""Which templates those are, where there are more."""


def evaluate(
    task: Any, data: str, out: Path, *, second: str = "", per_identity: int = 0, most: int = 10_000, name: str = ""
) -> dict[str, Any]:
    """Rebuild every validation face of a set, measure, and write `<set>.json`, `<set>.md` and `<set>.png`.

    Args:
        task: A trained decoder.
        data: Folder made by `data_gen/run.py templates`, with the decoder's own recogniser.
        out: Where the files go.
        second: Another recogniser, which the decoder never saw; empty leaves it out.
        per_identity: Take at most so many photos of a person; 0 takes all.
        most: Take at most so many photos, spread evenly; 0 takes all.
        name: What to call the set; empty: the folder's name.

    Returns:
        The figures, as in the JSON.
    """
    shards = TemplateShards(data)
    if task.recogniser is None:
        raise ConfigError("This checkpoint does not say which recogniser its templates are of. Train it again.")
    task.recogniser.refuse_other(shards.index.recogniser, "This decoder", data)
    own = find_recogniser(task.recogniser, task.cfg.infer_recogniser)
    everyone = shards.identities("val")
    chosen = spread(first_of_each(everyone, per_identity), most)
    if not len(chosen):
        raise DataError(f"{data} has no validation photos.")
    templates, identities = shards.templates("val", chosen)
    faces = task.reconstruct(templates)
    real = read_crops(shards, "val", chosen)
    known = spread(np.arange(shards.count("train")), MOST_TRAINING)
    train_templates, train_identities = shards.templates("train", known)
    few = spread(np.arange(len(known)), MOST_CROPS)
    train = read_crops(shards, "train", known[few])
    mean_face = train.astype(np.float64).mean(axis=0).round().astype(np.uint8)
    truth = units(templates)
    figures: dict[str, Any] = {
        "set": name or Path(data).name,
        "samples": len(chosen),
        "samples_there": len(everyone),
        "people": len(np.unique(identities)),
        "training_templates": len(known),
        "training_templates_there": shards.count("train"),
        "checkpoint": task.source,
        "recogniser": own.id.model_dump(),
        "under": {},
        "lpips": apart_to_the_eye(real, {"reconstruction": faces, "mean face": mean_face[None]}, identities),
    }
    all_of = np.concatenate([templates, train_templates])
    who = np.concatenate([identities, train_identities])
    figures["under"][own.id.name] = under(own, truth, faces, mean_face, units(train_templates), units(all_of), who)
    if second:
        other = open_recogniser(second)
        others = units(encode(other, train))
        own_templates = units(encode(other, real))
        all_of = np.concatenate([own_templates, others])
        whose = np.concatenate([identities, train_identities[few]])
        figures["under"][other.id.name] = under(other, own_templates, faces, mean_face, others, all_of, whose)
    text = table(figures)
    write_json(out / f"{figures['set']}.json", figures)
    with write_aside(out / f"{figures['set']}.md") as aside:
        aside.write_text(text)
    places = one_of_each(identities)
    again = units(encode(own, faces[places]))
    picture = sheet(shards, chosen[places], faces[places], again, units(train_templates), known)
    write_picture(out / f"{figures['set']}.png", picture, marks_of(task, "comparison"))
    print(text)
    return figures


def under(
    recogniser: Recogniser, truth: Floats, faces: Bytes, mean_face: Bytes, train: Floats, everyone: Floats, who: Any
) -> dict[str, Any]:
    """Return the figures under one recogniser: reconstructions, three baselines, and a line-up.

    Args:
        truth: Unit templates (N, D) of the real photos.
        faces: Reconstructions (N, S, S, 3).
        mean_face: Mean of the training crops.
        train: Unit templates of training photos, the nearest of which is a baseline.
        everyone: Unit templates from which impostor pairs are made.
        who: Whose they are; the first N are those of `truth`.
    """
    compared = sampled(len(everyone), MOST_COMPARED)
    thresholds, pairs = impostor_thresholds(everyone[compared], who[compared])
    whose, again = who[: len(truth)], units(encode(recogniser, faces))
    likest = np.concatenate([(part @ train.T).argmax(axis=1) for part in in_parts(truth)])
    probes = {"reconstruction": again, "nearest training photo": train[likest], "the photo itself": truth}
    cosines = {
        "reconstruction": (again * truth).sum(axis=1),
        "mean face": truth @ units(recogniser.templates(mean_face[None]))[0],
        **({"another person": others} if len(others := of_another(again, truth, whose)) else {}),
        "nearest training photo": (truth * train[likest]).sum(axis=1),
    }
    return {
        "impostor_pairs": pairs,
        "impostor_templates": len(compared),
        "impostor_templates_there": len(everyone),
        "impostor_seed": SEED if len(compared) < len(everyone) else None,
        "thresholds": {f"{rate:g}": value for rate, value in thresholds.items()},
        "cosines": {
            key: {**statistics(values, thresholds), **within(values, whose)} for key, values in cosines.items()
        },
        "line_up": line_ups(probes, truth, whose),
    }


def apart_to_the_eye(
    real: Bytes, shown: dict[str, Bytes], whose: NDArray[np.integer[Any]]
) -> dict[str, dict[str, float]]:
    """Return the mean LPIPS between real crops (N, S, S, 3) and each of the pictures shown for them, with its interval.

    A set of one picture stands for all. Empty where the weights of LPIPS are not here.
    """
    net, found = open_lpips(), {}
    if net is None:
        return {}
    for what, pictures in shown.items():
        distances = []
        for start in range(0, len(real), 32):
            truth = real[start : start + 32]
            part = pictures[start : start + 32] if len(pictures) > 1 else pictures.repeat(len(truth), axis=0)
            pair = [np.stack([resized(picture, CROP) for picture in side]) for side in (part, truth)]
            with torch.inference_mode():
                distances.append(net(*(torch.from_numpy(side).permute(0, 3, 1, 2) / 255 for side in pair)).numpy())
        found[what] = bootstrap(np.concatenate(distances).astype(np.float64), whose)
    return found


def within(cosines: Floats, whose: NDArray[np.integer[Any]]) -> dict[str, float]:
    """Return the 95 % interval of the mean of cosines (N,) when people, `whose` (N,), are drawn again."""
    figures = bootstrap(cosines.astype(np.float64), whose)
    return {"low": figures["low"], "high": figures["high"]}


def statistics(cosines: Floats, thresholds: dict[float, float | None]) -> dict[str, Any]:
    """Return min, mean, median, max of cosines (N,), and the share above each threshold (None: not measurable)."""
    return {
        "min": float(cosines.min()), "mean": float(cosines.mean()),
        "median": float(np.median(cosines)), "max": float(cosines.max()),
        "pmr": {f"{rate:g}": None if t is None else float((cosines > t).mean()) for rate, t in thresholds.items()},
    }  # fmt: skip


def impostor_thresholds(templates: Floats, who: NDArray[np.integer[Any]]) -> tuple[dict[float, float | None], int]:
    """Return the cosine that each false match rate asks for, measured on all pairs of different people, and how many.

    `templates` (N, D) are of length 1, `who` (N,) says whose. Each unordered pair counts once. A rate below one in the
    number of pairs cannot be measured and is None.
    """
    counts = np.zeros(GRID, np.int64)
    for start in range(0, len(templates), 512):
        stop = min(start + 512, len(templates))
        cosines = templates[start:stop] @ templates.T
        later = np.arange(len(templates))[None] > np.arange(start, stop)[:, None]
        impostors = cosines[later & (who[start:stop, None] != who[None])]
        bins = ((impostors + 1) / 2 * GRID).astype(np.int64).clip(0, GRID - 1)
        counts += np.bincount(bins, minlength=GRID)
    total = int(counts.sum())
    above = counts[::-1].cumsum()[::-1]  # pairs in this bin or a higher one
    thresholds: dict[float, float | None] = {}
    for rate in RATES:
        if not total or rate * total < 1:
            thresholds[rate] = None
            continue
        allowed = np.flatnonzero(above <= rate * total)
        thresholds[rate] = float(allowed[0] / GRID * 2 - 1) if len(allowed) else 1.0
    return thresholds, total


def first_of_each(identities: NDArray[np.integer[Any]], most: int) -> NDArray[np.int64]:
    """Return the places (n,) of at most `most` photos of each person in identities (N,); all when it is 0."""
    if most <= 0:
        return np.arange(len(identities))
    order = np.argsort(identities, kind="stable")
    begins = np.diff(identities[order], prepend=-1 if not len(order) else identities[order[0]] - 1) != 0
    place = np.arange(len(order))
    rank = place - np.maximum.accumulate(np.where(begins, place, 0))
    return np.sort(order[rank < most])


def spread(numbers: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most `most` of some numbers (N,), evenly spread and in their order; all when it is 0."""
    if not most or len(numbers) <= most:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, most).round().astype(np.int64)]


def sampled(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of the numbers below `count`, drawn with `SEED`, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, most, replace=False))


def in_parts(rows: Floats, size: int = 256) -> list[Floats]:
    """Cut rows (N, D) into parts of at most `size`, so that what is compared with them stays small."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def read_crops(shards: TemplateShards, split: Split, numbers: NDArray[np.int64]) -> Bytes:
    """Read crops (N, 112, 112, 3)."""
    return np.stack([shards.read(split, int(number)).crop for number in numbers])


def encode(recogniser: Recogniser, pictures: Bytes) -> Floats:
    """Return templates (N, D) of pictures (N, S, S, 3) of any size, with progress."""
    parts = []
    with Progress(f"templates of {recogniser.id.name}", len(pictures)) as progress:
        for start in range(0, len(pictures), 32):
            crops = np.stack([resized(picture, CROP) for picture in pictures[start : start + 32]])
            parts.append(recogniser.templates(crops))
            progress.step(len(crops))
    return np.concatenate(parts)


def table(figures: dict[str, Any]) -> str:
    """Write the figures as a table, one a recogniser."""
    lines = [
        f"STATISTICS ON {figures['samples']} TEST SAMPLES FROM '{figures['set']}' ({figures['people']} people)",
        "",
    ]
    for what, there, used in (
        ("validation photos", figures["samples_there"], figures["samples"]),
        ("training photos, for the nearest", figures["training_templates_there"], figures["training_templates"]),
    ):
        if used < there:
            lines.insert(-1, f"{used:,} of {there:,} {what}")
    for recogniser, part in figures["under"].items():
        drawn = ""
        if part["impostor_seed"] is not None:
            there, of = part["impostor_templates_there"], part["impostor_templates"]
            drawn = f" among {of:,} of {there:,} templates (drawn with seed {part['impostor_seed']})"
        asked = ", ".join(f"{r}: {'-' if t is None else f'{t:.4f}'}" for r, t in part["thresholds"].items())
        lines += [
            f"Under {recogniser}; thresholds of {part['impostor_pairs']:,} impostor pairs{drawn} at FMR {asked}",
            "",
            "| | min | mean | 95 % interval | median | max | "
            + "".join(f"PMR@{rate} | " for rate in part["thresholds"]).rstrip(),
            "|---" * (6 + len(part["thresholds"])) + "|",
        ]
        for what, s in part["cosines"].items():
            shares = ["-" if share is None else f"{100 * share:.1f} %" for share in s["pmr"].values()]
            cells = [f"{s['min']:.4f}", f"{s['mean']:.4f}", f"{s['low']:.4f} to {s['high']:.4f}"]
            cells += [f"{s[key]:.4f}" for key in ("median", "max")] + shares
            lines.append(f"| {what} | " + " | ".join(cells) + " |")
        lines += ["", *line_up_table(part["line_up"])]
    if figures["lpips"]:
        lines += ["", "| LPIPS from the photo | mean | 95 % interval |", "|---|---|---|"]
    for what, s in figures["lpips"].items():
        lines.append(f"| {what} | {s['mean']:.4f} | {s['low']:.4f} to {s['high']:.4f} |")
    return "\n".join(lines)


def of_another(again: Floats, truth: Floats, whose: NDArray[np.integer[Any]]) -> Floats:
    """Return the cosine of each row of one person with the rows of another, as if pairs were shuffled; empty for one.

    Args:
        again: Unit templates (N, D) of reconstructions.
        truth: Unit templates (N, D) of the photos.
        whose: Whose they are (N,).
    """
    if len(np.unique(whose)) < 2:
        return np.zeros(0, np.float32)
    order = np.argsort(whose, kind="stable")
    turned = np.roll(order, np.unique(whose, return_counts=True)[1].max())
    cosines = np.empty(len(whose), np.float32)
    cosines[order] = (again[order] * truth[turned]).sum(axis=1)
    apart = whose[order] != whose[turned]
    cosines[order[~apart]] = cosines[order[apart]].mean()
    return cosines


def sheet(
    shards: TemplateShards, numbers: NDArray[np.int64], faces: Bytes, again: Floats, train: Floats,
    known: NDArray[np.int64],
) -> Bytes:  # fmt: skip
    """Lay out photos, what was rebuilt of their templates, and the training photos that it is most like: (H, W, 3).

    Args:
        shards: The data.
        numbers: Which validation photos (n,).
        faces: Their reconstructions (n, S, S, 3).
        again: The unit templates (n, D) of these.
        train: Unit templates (M, D) of training photos.
        known: Which these are (M,).
    """
    nearest = known[(again @ train.T).argmax(axis=1)]
    rows = {
        "real face": read_crops(shards, "val", numbers),
        "of the template": faces,
        "nearest other": read_crops(shards, "train", nearest),
    }
    return face_sheet([shards.name("val", int(number)) for number in numbers], rows)
