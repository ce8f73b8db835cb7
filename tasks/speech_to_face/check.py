"""Say of persons, voices and faces, and of what was trained on them, whether it is sound, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.origins import marks_of
from tasks.speech_to_face.data import FaceBatch, FaceSource
from tasks.speech_to_face.figures import bootstrap_auc, cosine_with_others, per_person, verification
from tasks.speech_to_face.pictures import to_bytes
from tasks.speech_to_face.voice_report import (
    baselines,
    drawn,
    find_owners,
    own_features,
    training_faces,
    voice_sheet,
)
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
    files,
    generalises,
)
from tasks.verdicts.sheet import face_sheet, one_of_each, spread_out
from utils.arrays import Bytes, Floats, Ints, Reals
from utils.media.pictures import write_picture
from utils.progress import Progress

MOST = 200
"""Sounds or pictures of each split that are judged."""
CLIPS = 2000
"""Sounds whose length is looked at."""
OWN = {
    "train_persons": Limit(200, 50),
    "val_persons": Limit(20, 5),
    "voices_each": Limit(3, 1),
    "faces_each": Limit(2, 1),
    "short": Limit(0.1, 0.4, rising=False),
    "auc": Limit(0.85, 0.7),
    "cosine_other": Limit(0.8, 0.95, rising=False),
}


class PersonsCheck(FamilyCheck):
    """Judge what all four tasks learn from: persons with faces, and voices where they are heard."""

    limits = {**LIMITS, **OWN}
    by_heart = "Give more persons; a smaller width, or fewer updates, learns less by heart."
    voices = False
    """Whether voices are needed."""

    def data(self, config: Any) -> Iterator[Finding]:
        """Judge how many persons there are, how much of each, and what could not be used."""
        data = FaceVoiceDataset(config.binary_data_dir)
        entries = {split: data.entries(split, voices=self.voices) for split in ("train", "val")}  # type: ignore[arg-type]
        persons = {split: {data.numbers[entry] for entry in own} for split, own in entries.items()}
        counts = {f"{split}_persons": (float(len(own)), OWN[f"{split}_persons"]) for split, own in persons.items()}
        both = len(persons["train"] & persons["val"])
        said = f"{len(persons['train'])} to learn from {OWN['train_persons'].asks()}, "
        said += f"{len(persons['val'])} to measure on {OWN['val_persons'].asks()}"
        said += f"; {both} of them are known from training: figures tell nothing of strangers" if both else ""
        yield counted(
            "persons",
            counts,
            said,
            "So few teach nothing about others, and measure nothing surely.",
            "Give more persons: 50 at least, better hundreds; --val says how many are kept back.",
        )
        faces = [len(data.persons[entry].faces) for entry in entries["train"]]
        each = float(np.mean(faces)) if faces else 0.0
        yield counted(
            "faces",
            {"faces_each": (each, OWN["faces_each"])},
            f"{each:.1f} pictures of a person {OWN['faces_each'].asks()}",
            "One picture's light and pose stand for the person.",
            "Give several pictures, or talking videos.",
        )
        if self.voices:
            yield self._sounds(config, data, entries["train"])
        used = sum(len(person.clips) + len(person.faces) for person in data.persons)
        yield files(
            used,
            data.index.skipped,
            "sounds and pictures",
            "Look at the reasons: one clear voice, one face towards the camera; crop closer.",
        )

    @staticmethod
    def _sounds(config: Any, data: FaceVoiceDataset, entries: Sequence[int]) -> Finding:
        clips = [(entry, clip) for entry in entries for clip in range(len(data.persons[entry].clips))]
        each = len(clips) / max(1, len(entries))
        lengths = np.array([data.seconds(*clips[place]) for place in spread_out(len(clips), CLIPS)] or [0.0])
        short = float((lengths < config.audio_seconds / 2).mean())
        counts = {"voices_each": (each, OWN["voices_each"]), "short": (short, OWN["short"])}
        said = f"{each:.1f} sounds of a person {OWN['voices_each'].asks()}, {np.median(lengths):.1f} s in the middle; "
        said += f"{short:.0%} shorter than {config.audio_seconds / 2:.1f} s, half of what is heard at once "
        said += OWN["short"].asks("{:.0%}")
        return counted(
            "voices",
            counts,
            said,
            "Little sound tells what is said, not who says it.",
            "Give longer sounds, 3 of a person or more; or a smaller audio_seconds.",
        )


class VoiceCheck(PersonsCheck):
    """Judge voice encoders by the faces of persons whom they have not heard."""

    voices = True

    def trained(self, task: Any, picture: Path) -> Iterator[Finding]:
        """Look for the voices' owners, compare with what needs no voice, and see whether all sound alike."""
        source, data = task.source["path"], task.opened[0]
        heard, pairs = task.hear_split("val", MOST)
        groups = np.array([data.numbers[pair.entry] for pair in pairs])
        owners = find_owners(task, heard, pairs)
        yield against_chance(
            "the voice finds its owner",
            f"first of {owners.gallery} faces",
            float((owners.rank == 0).double().mean()),
            1 / owners.gallery,
            len(np.unique(groups)),
            "More persons first; then weights.contrastive 1, longer training; a face encoder that sees shapes.",
            source,
        )
        own, train = own_features(task, pairs), training_faces(task)
        cosines = F.cosine_similarity(heard, own, dim=1).double().numpy()
        bases = baselines(heard, own, groups, train)
        others: dict[str, Reals] = {name: bases[name] for name in ("mean face", "another person") if name in bases}
        yield ahead_of(
            "nearer than a mean face",
            "cosine with the owner's face",
            cosines.mean(),
            differences(cosines, others, groups),
            "Train longer, with more weights.contrastive.",
            source,
        )
        known, known_pairs = task.hear_split("train", MOST // 2)
        known_cosine = F.cosine_similarity(known, own_features(task, known_pairs), dim=1).mean()
        yield generalises(
            "cosine with the owner's face",
            float(known_cosine),
            cosines.mean(),
            self.by_heart,
            source,
            base=float(bases["mean face"].mean()),
        )
        parts = {"features heard": (per_person(heard.numpy(), groups), per_person(own.numpy(), groups))}
        decoder = task.frozen.get("face_decoder")
        if decoder is not None:
            features = (torch.from_numpy(part) for part in parts["features heard"])
            voice, face = (little(drawn(decoder, part)) for part in features)
            parts["faces drawn"] = (voice, face)
        yield alike(
            parts,
            len(np.unique(groups)),
            "Raise weights.contrastive (1), lower weights.direction; a larger batch; more persons.",
            source,
        )
        write_picture(picture, voice_sheet(task, heard, pairs), marks_of(task, "comparison"))


class DecoderCheck(PersonsCheck):
    """Judge face decoders by the faces that they draw of persons whom they have not seen."""

    def trained(self, task: Any, picture: Path) -> Iterator[Finding]:
        """Ask the face encoder whom the drawn faces are like, and see whether they are all one."""
        source = task.source["path"]
        seen, known = (Drawn(task, split, MOST) for split in ("val", "train"))
        with torch.no_grad():
            mean = known.features.mean(0)[None].to(task.device)
            again = task.look(task.render(mean)).cpu()
        cosines = seen.cosines()
        others = {
            "mean face": F.cosine_similarity(again, seen.features, dim=1).double().numpy(),
            "another person": cosine_with_others(unit_cosines(seen.again, seen.features), seen.groups),
        }
        others = {name: values for name, values in others.items() if len(values)}
        yield ahead_of(
            "the drawn face is the person",
            "cosine with the face that was given",
            cosines.mean(),
            differences(cosines, others, seen.groups),
            "Train longer; raise weights.identity a little.",
            source,
        )
        yield generalises(
            "cosine with the face that was given",
            known.cosines().mean(),
            cosines.mean(),
            self.by_heart,
            source,
            base=float(others["mean face"].mean()),
        )
        parts = {
            "features of the drawn faces": (
                per_person(seen.again.numpy(), seen.groups),
                per_person(seen.features.numpy(), seen.groups),
            ),
            "drawn faces": (per_person(seen.faces, seen.groups), per_person(seen.photos, seen.groups)),
        }
        yield alike(parts, len(np.unique(seen.groups)), "Train longer; lower weights.texture; more persons.", source)
        places = one_of_each(seen.groups)
        alike_known = F.normalize(seen.again[places], dim=1) @ F.normalize(known.features, dim=1).T
        rows = {
            "real face": [seen.pictures[place] for place in places],
            "drawn face": [seen.drawn[place] for place in places],
            "nearest other": [known.pictures[int(place)] for place in alike_known.argmax(dim=1)],
        }
        write_picture(picture, face_sheet([seen.names[place] for place in places], rows), marks_of(task, "comparison"))


class Drawn:
    """Faces of a split and what a decoder draws of their features, at most `most`, evenly.

    Attributes:
        features, again: (N, F) of the pictures, and of the drawn faces.
        photos, faces: (N, 32, 32, 3) float32, for comparing.
        groups: (N,) whose they are.
    """

    def __init__(self, task: Any, split: Literal["train", "val"], most: int) -> None:
        source: FaceSource = task._source(split)
        features, again, groups = [], [], []
        self.pictures: list[Bytes] = []
        self.drawn: list[Bytes] = []
        self.names: list[str] = []
        batches = source.whole(most)
        with Progress(f"faces, {split}", len(batches)) as bar, torch.no_grad():
            for batch in batches:
                drawn_faces = task.render(batch.feature.to(task.device))
                again.append(task.look(drawn_faces).cpu())
                features.append(batch.feature)
                groups.append(batch.person)
                self.pictures += to_bytes(batch.images)
                self.drawn += to_bytes(drawn_faces.face)
                self.names += [source.dataset.persons[int(entry)].id for entry in batch.entry]
                bar.step()
        self.features, self.again = torch.cat(features), torch.cat(again)
        self.groups: Ints = torch.cat(groups).numpy()
        self.photos, self.faces = little(self.pictures), little(self.drawn)

    def cosines(self) -> Floats:
        """Return how much each drawn face is taken for the person, (N,)."""
        return F.cosine_similarity(self.again, self.features, dim=1).double().numpy()


class EncoderCheck(PersonsCheck):
    """Judge face encoders by telling persons apart whom they have not seen."""

    by_heart = "Give more persons; margin 0.2, label_dropout 0.5 and augment learn less by heart."

    def trained(self, task: Any, picture: Path) -> Iterator[Finding]:
        """Compare all pairs of pictures."""
        source = task.source["path"]
        batches = {split: self._pictures(task, split) for split in ("val", "train")}  # type: ignore[arg-type]
        features = {split: self._features(task, batch) for split, batch in batches.items()}
        person = batches["val"].person
        figures = bootstrap_auc(features["val"], person)
        apart = verification(features["val"], person)
        limit = OWN["auc"]
        said = (
            f"AUC {figures['mean']:.3f} ({figures['low']:.3f} to {figures['high']:.3f}); guessing: 0.500 {limit.asks()}"
        )
        yield Finding(
            "persons are told apart",
            limit.judge(figures["mean"]),
            said,
            figures,
            "The face feature does not say whose face it is; voices can learn nothing from it.",
            "More persons, longer training, margin 0.2; or the published VGG-Face.",
            source,
        )
        known = bootstrap_auc(features["train"], batches["train"].person)["mean"]
        yield generalises("AUC", known, figures["mean"], self.by_heart, source, base=0.5)
        same, other = (float(apart.get(f"cosine_{name}", torch.nan)) for name in ("same", "other"))
        limit = OWN["cosine_other"]
        said = f"cosine of one person's pictures {same:.2f}, of two persons' {other:.2f} {limit.asks()}"
        yield Finding(
            "features differ",
            limit.judge(other),
            said,
            {"cosine_same": same, "cosine_other": other},
            "All faces have nearly one feature, and what is drawn of it is one face.",
            "Train longer, raise lr, set margin 0.2.",
            source,
        )
        self._sheet(task, batches["val"], features["val"], picture)

    @staticmethod
    def _pictures(task: Any, split: Literal["train", "val"]) -> FaceBatch:
        batches = FaceSource(task.data(), split, task.cfg.batch_size, task.cfg.size).whole(MOST)
        return FaceBatch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))

    @staticmethod
    @torch.no_grad()
    def _features(task: Any, batch: FaceBatch) -> Tensor:
        parts = zip(batch.images.split(32), batch.landmarks.split(32), strict=True)
        return torch.cat([task.features(*(x.to(task.device) for x in part)).float().cpu() for part in parts])

    @staticmethod
    def _sheet(task: Any, batch: FaceBatch, features: Tensor, picture: Path) -> None:
        cosines = F.normalize(features, dim=1) @ F.normalize(features, dim=1).T
        cosines.fill_diagonal_(-2)
        same = batch.person[:, None] == batch.person[None]
        places = one_of_each(batch.person.numpy())
        faces = to_bytes(batch.images)
        nearest = {"same person": cosines.masked_fill(~same, -2), "nearest other": cosines.masked_fill(same, -2)}
        rows = {"asked": [faces[place] for place in places]}
        for kind, table in nearest.items():
            rows[kind] = [faces[int(table[place].argmax())] for place in places]
        names = [task.data().persons[int(batch.entry[place])].id for place in places]
        write_picture(picture, face_sheet(names, rows))


def unit_cosines(a: Tensor, b: Tensor) -> Floats:
    """Return the cosines (N, M) of rows (N, F) and (M, F)."""
    return (F.normalize(a.double(), dim=1) @ F.normalize(b.double(), dim=1).T).numpy()
