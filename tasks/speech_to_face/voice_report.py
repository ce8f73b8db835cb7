"""What a voice encoder hears of persons whom it has not heard, beside what needs no voice: figures, table, sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.face_voice.dataset import VoicePair
from data_gen.origins import marks_of
from tasks.speech_to_face.face_decoder import FaceDecoderTask
from tasks.speech_to_face.face_encoder import FaceEncoderTask
from tasks.speech_to_face.figures import RANKS, Recall, cosine_with_others, retrieve, shape_correlations
from tasks.speech_to_face.pictures import to_bytes
from tasks.speech_to_face.report import write_report
from tasks.verdicts.intervals import bootstrap
from tasks.verdicts.sheet import face_sheet, one_of_each
from utils.arrays import Bytes, Ints, Reals
from utils.media.pictures import write_picture

MOST_TRAINING = 10_000
"""Training persons among whom the nearest face is looked for."""


def write_evaluation(task: Any, heard: Tensor, feature: Tensor, entry: Tensor) -> None:
    """Write `evaluation.json`, `.md`, `.png` and `faces.png` of a voice encoder into its run's folder.

    `heard` and `feature` are (N, F), of the voice and of the face; `entry` (N,) says of which entry of the data.
    """
    folder: Path = task.work_dir
    data = task.opened[0]
    groups = np.array([data.numbers[int(e)] for e in entry.cpu()])
    a, b = F.normalize(heard, dim=1), F.normalize(feature, dim=1)
    figures: dict[str, dict[str, float]] = {}
    similarity = {"cosine": (a * b).sum(1), "L2": (a - b).norm(dim=1), "L1": (a - b).abs().sum(1)}
    for name, values in similarity.items():
        figures[f"feature {name}"] = bootstrap(values.double().cpu().numpy(), groups)
    train = training_faces(task)
    figures |= {
        f"feature cosine, {name}": bootstrap(values, groups)
        for name, values in baselines(heard.cpu(), feature.cpu(), groups, train).items()
    }
    for k in RANKS:
        figures[f"R@{k}"] = recall_within(task.recall, groups, k)
    whole, pairs = task.hear_split("val", task.cfg.eval_max_pairs)
    numbers = np.array([data.numbers[pair.entry] for pair in pairs])
    again = find_owners(task, whole, pairs)
    for k in RANKS:
        figures[f"R@{k}, whole sounds"] = recall_within(again, numbers, k)
    alike = find_owners(task, whole, pairs, alike=True)
    if 1 < alike.choices.max() < alike.gallery:
        for k in RANKS:
            figures[f"R@{k}, whole sounds, among persons of the same label"] = recall_within(alike, numbers, k)
    decoder, encoder = task.frozen.get("face_decoder"), task.frozen.get("face_encoder")
    if isinstance(decoder, FaceDecoderTask) and isinstance(encoder, FaceEncoderTask):
        with torch.no_grad():
            faces = [decoder.render(part) for part in heard.split(32)]
            seen = torch.cat([encoder.features(face.face, face.landmarks).float() for face in faces])
            middle = decoder.render(train.mean(0)[None].to(heard))
            mean = encoder.features(middle.face, middle.landmarks).float()
        drawn = torch.cat([face.landmarks for face in faces]).double().cpu().numpy()
        for name, of in (("drawn face", seen), ("drawn mean face", mean)):
            cosine = F.cosine_similarity(of, feature, dim=1)
            figures[f"{name}'s feature cosine"] = bootstrap(cosine.double().cpu().numpy(), groups)
        true = np.stack([data.landmarks_px(int(e)).mean(0) for e in entry.cpu()]).astype(np.float64) / 112 - 1
        figures |= shape_correlations(drawn, true, groups)
    about = {"voices": len(heard), "persons": task.recall.gallery, "checkpoint": task.source, "data": str(data.path)}
    write_report(folder, about, figures)
    write_picture(folder / "faces.png", voice_sheet(task, whole, pairs), marks_of(task, "comparison"))


def recall_within(recall: Recall, groups: Ints, k: int) -> dict[str, float]:
    """Return the share of voices whose owner is among the first k, with interval and chance; `groups` (N,) owners."""
    hits = (recall.rank < k).double().numpy()
    return {**bootstrap(hits, groups), "chance": float((k / recall.choices.double()).clamp(max=1).mean())}


def find_owners(task: Any, heard: Tensor, pairs: Sequence[VoicePair], *, alike: bool = False) -> Recall:
    """Look for the owners of validation voices, heard as (N, F), among all validation persons.

    With `alike`, among those of the owner's label, which may say age and sex.
    """
    data, features = task.opened
    gallery = data.entries("val")
    faces = torch.stack([features.face(entry, None) for entry in gallery])
    labels = [data.persons[entry].label for entry in gallery] if alike else None
    return retrieve(heard, torch.tensor([pair.entry for pair in pairs]), faces, torch.tensor(gallery), labels)


def training_faces(task: Any) -> Tensor:
    """Return the mean face feature of each training person, (P, F), of a sample where there are very many."""
    data, features = task.opened
    entries = data.entries("train")
    step = -(-len(entries) // MOST_TRAINING)
    return torch.stack([features.face(entry, None) for entry in entries[::step]])


def own_features(task: Any, pairs: Sequence[VoicePair]) -> Tensor:
    """Return the mean face feature of the owner of each pair, (N, F)."""
    return torch.stack([task.opened[1].face(pair.entry, None) for pair in pairs])


def baselines(heard: Tensor, own: Tensor, groups: Ints, train: Tensor) -> dict[str, Reals]:
    """Return the cosine of each owner's face feature with what needs no voice, or no network.

    Args:
        heard: (N, F) what was heard.
        own: (N, F) the owners' face features.
        groups: (N,) whose they are.
        train: (P, F) features of the training persons.

    Returns:
        "mean face": the mean of the training persons; "another person": what is heard of one person with the face of
        the others, as if the pairs were shuffled; "nearest training face": the training person whom the voice is most
        like, as if one had been looked up.
    """
    a, b, c = (F.normalize(part.double(), dim=1) for part in (heard, own, train))
    cosines = {
        "mean face": (b @ F.normalize(c.mean(0), dim=0)).numpy(),
        "nearest training face": (c[(a @ c.T).argmax(dim=1)] * b).sum(1).numpy(),
    }
    others = cosine_with_others((a @ b.T).numpy(), groups)
    return {**cosines, **({"another person": others} if len(others) else {})}


@torch.no_grad()
def drawn(decoder: Any, features: Tensor) -> list[Bytes]:
    """Draw the faces of features (N, F), each (S, S, 3) uint8, a few at a time."""
    return [face for part in features.split(32) for face in to_bytes(decoder.render(part.to(decoder.device)).face)]


def voice_sheet(task: Any, heard: Tensor, pairs: Sequence[VoicePair]) -> Bytes:
    """Lay out some persons' sounds, faces, the faces drawn of the voice, and whom each is like besides: (H, W, 3).

    Args:
        heard: (N, F) what was heard of the sounds.
        pairs: N of validation.
    """
    data, features = task.opened
    places = one_of_each(np.array([data.numbers[pair.entry] for pair in pairs]))
    chosen = [pairs[place] for place in places]
    everyone = data.entries("all")
    faces = F.normalize(torch.stack([features.face(entry, None) for entry in everyone]), dim=1)
    cosines = F.normalize(heard[places], dim=1) @ faces.T
    for row, pair in enumerate(chosen):
        own = [place for place, e in enumerate(everyone) if data.numbers[e] == data.numbers[pair.entry]]
        cosines[row, own] = -2
    names = [f"{data.persons[pair.entry].id} {data.persons[pair.entry].clips[pair.clip]}" for pair in chosen]
    rows = {"real face": [data.face(pair.entry, 0) for pair in chosen]}
    decoder = task.frozen.get("face_decoder")
    if decoder is not None:
        rows["of the voice"] = drawn(decoder, heard[places])
        rows["of the face"] = drawn(decoder, own_features(task, chosen))
    rows["nearest other"] = [data.face(everyone[int(place)], 0) for place in cosines.argmax(dim=1)]
    return face_sheet(names, rows)
