"""Speech to face on few persons: every one is once unseen. Retrieval and cosines of all parts together.

    python -m tests.benchmarks.voice_folds --data data/binary/speakers [--folds 4] [--labels sex.csv age.csv] [--seed 1]

The persons of one dataset (`data_gen/run.py face_voice`) are dealt into folds, every label of the first table in its
share; for each fold the three steps are trained on the others: `face_space_encoder`, `face_space_decoder` and
`ve_ridge` of `--recipes`, or with `--steps` others. A voice's owner is looked for among the persons of its own fold, so
that nobody in the gallery was trained on, and besides, for each table of labels, among those of them who have the same
label. Runs and linked data lie under `checkpoints/<name of the data>_folds` and `<data>_folds`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.run import read_labels
from data_gen.face_voice.splits import Split, split_persons
from tasks import run
from tasks.core.loading import load_task
from tasks.speech_to_face.figures import RANKS, Recall, retrieve, shape_correlations
from tasks.speech_to_face.voice import VoiceTask
from tasks.speech_to_face.voice_report import baselines, own_features, recall_within, training_faces
from tasks.verdicts.intervals import bootstrap
from utils.files.digests import fingerprint
from utils.files.tables import write_json


def deal(
    data: FaceVoiceDataset, out: Path, labels: dict[str, str], fold: int, folds: int, without: Sequence[str] = ()
) -> Path:
    """Link a dataset as another one in which one of `folds` parts of the persons is for validation."""
    names = sorted({person.id for person in data.persons} - set(without))
    labels = {name: labels.get(name, "") for name in names}
    order = list(split_persons(names, labels, val=0.5, test=0.0))
    order.sort(key=lambda name: labels[name])
    unseen = set(order[fold::folds])
    split: dict[bool, Split] = {True: "val", False: "train"}
    persons = [
        person.model_copy(update={"split": split[person.id in unseen], "label": labels[person.id]})
        for person in data.persons
        if person.id in labels
    ]
    place = out / f"{fold}"
    place.mkdir(parents=True, exist_ok=True)
    for shard in {person.shard for person in persons}:
        if not (place / shard).exists():
            os.link(data.path / shard, place / shard)
    digest = fingerprint([person.model_dump() for person in persons], data.index.fingerprint)
    index = data.index.model_copy(update={"persons": persons, "fingerprint": digest})
    write_json(place / "index.json", index.model_dump())
    return place


def train(recipes: Path, steps: Sequence[str], place: Path, exp: str, settings: Sequence[str]) -> None:
    """Train the three steps on one fold."""
    runs = [f"checkpoints/{exp}/{step}" for step in steps]
    before = ["", f"face_encoder={runs[0]}", f"face_decoder_work_dir={runs[1]}"]
    for number, step in enumerate(steps):
        chosen = [f"binary_data_dir={place}", *filter(None, before[1 : number + 1]), *settings]
        words = [word for setting in chosen for word in ("--set", setting)]
        run.main([f"--config={recipes / step}.yaml", f"--exp_name={exp}/{step}", *words])


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="persons with voices and faces")
    parser.add_argument("--folds", type=int, default=4, help="parts of the persons")
    parser.add_argument("--only", type=int, default=0, help="train and measure so many of them; 0 is all")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="CSVs of person,label, such as sex and age")
    parser.add_argument("--without", nargs="*", default=[], help="persons to leave out, such as one who is there twice")
    parser.add_argument("--seed", type=int, default=9999, help="of the trainings")
    parser.add_argument("--recipes", type=Path, default=Path("egs/datasets/face_voice"), help="folder of the recipes")
    parser.add_argument("--steps", nargs=3, default=["face_space_encoder", "face_space_decoder", "ve_ridge"])
    parser.add_argument("--set", action="append", default=[], dest="settings", help="a setting of all three steps")
    asked = parser.parse_args(argv)
    data, tables = FaceVoiceDataset(asked.data), {path.stem: read_labels(path) for path in asked.labels}
    labels = next(iter(tables.values()), {})
    rows: list[dict[str, np.ndarray]] = []
    for fold in range(asked.only or asked.folds):
        out = asked.data.with_name(f"{asked.data.name}_folds")
        place = deal(data, out, labels, fold, asked.folds, asked.without)
        exp = f"{asked.data.name}_folds/{asked.steps[-1]}_{asked.seed}_{fold}"
        train(asked.recipes, asked.steps, place, exp, [f"seed={asked.seed}", *asked.settings])
        task = load_task(Path("checkpoints") / exp / asked.steps[-1], "best")
        assert isinstance(task, VoiceTask)
        task.prepare()
        rows.append(of_fold(task, tables))
    every = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    print("| figure | value | 95 % interval | chance |\n|---|---|---|---|")
    persons = every["person"]
    for name in ("feature cosine", "mean face", "mean face of the label", "another person", "nearest training face"):
        if name in every:
            f = bootstrap(every[name], persons)
            print(f"| {name} | {f['mean']:.3f} | {f['low']:.3f} to {f['high']:.3f} | |")
    for kind in ("", *(f" among the same {name}" for name in tables)):
        choices = torch.from_numpy(every[f"choices{kind}"])
        recall = Recall(torch.from_numpy(every[f"rank{kind}"]), int(choices.max()), choices)
        for k in RANKS:
            f = recall_within(recall, persons, k)
            print(f"| R@{k}{kind} | {f['mean']:.3f} | {f['low']:.3f} to {f['high']:.3f} | {f['chance']:.3f} |")
    for name, f in shape_correlations(every["drawn"], every["true"], persons).items():
        print(f"| {name} | {f['mean']:.3f} | {f['low']:.3f} to {f['high']:.3f} | 0 |")
    print(f"{len(np.unique(persons))} persons, {len(persons)} sounds")


def of_fold(task: VoiceTask, tables: dict[str, dict[str, str]]) -> dict[str, np.ndarray]:
    """Return what was found of each sound of the unseen persons of a fold, all of one length."""
    data = task.opened[0]
    heard, pairs = task.hear_split("val", 100_000)
    own, persons = own_features(task, pairs), np.array([data.numbers[pair.entry] for pair in pairs])
    row = {"person": persons, "feature cosine": F.cosine_similarity(heard, own, dim=1).double().numpy()}
    row |= baselines(heard, own, persons, training_faces(task))
    by_label = {}
    for label in {data.persons[pair.entry].label for pair in pairs}:
        alike = [e for e in data.entries("train") if data.persons[e].label == label] or data.entries("train")
        by_label[label] = torch.stack([F.normalize(task.opened[1].face(e, None), dim=0) for e in alike]).mean(0)
    means = torch.stack([by_label[data.persons[pair.entry].label] for pair in pairs])
    row["mean face of the label"] = F.cosine_similarity(means, own, dim=1).double().numpy()
    gallery = data.entries("val")
    faces = torch.stack([task.opened[1].face(entry, None) for entry in gallery])
    for kind, table in {"": None, **{f" among the same {name}": table for name, table in tables.items()}}.items():
        labels = [table[data.persons[entry].id] for entry in gallery] if table else None
        entries = torch.tensor([pair.entry for pair in pairs])
        recall = retrieve(heard, entries, faces, torch.tensor(gallery), labels)
        row |= {f"rank{kind}": recall.rank.numpy(), f"choices{kind}": recall.choices.numpy()}
    with torch.no_grad():
        drawn = task.frozen["face_decoder"].render(heard)  # type: ignore[operator]
    row["drawn"] = drawn.landmarks.double().numpy()
    row["true"] = np.stack([data.landmarks_px(pair.entry).mean(0) for pair in pairs]).astype(np.float64) / 112 - 1
    return row


if __name__ == "__main__":
    main()
