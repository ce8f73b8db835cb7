"""Say of photos with their templates, and of a decoder trained on them, whether they are sound, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.origins import marks_of
from data_gen.templates.shards import TemplateShards
from tasks.template_to_face.evaluate import (
    RATES,
    encode,
    impostor_thresholds,
    of_another,
    read_crops,
    sheet,
)
from tasks.verdicts.door import FamilyCheck
from tasks.verdicts.faces import cut_out, little
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
)
from tasks.verdicts.sheet import one_of_each, spread_out
from utils.faces.detectors import make_detector
from utils.faces.recogniser import find_recogniser, units
from utils.media.pictures import write_picture

MOST = 256
"""Photos of each split that are rebuilt."""
LOOKED_AT = 64
"""Of them, those in which a face is looked for."""
OWN = {"train_photos": Limit(20_000, 1000), "train_people": Limit(500, 100), "val_people": Limit(20, 5)}


class TemplateCheck(FamilyCheck):
    """Judge decoders by the people whom they have not seen."""

    limits = {**LIMITS, **OWN}
    by_heart = "Give photos of more people; weights.mixed 1, from_afar and augment learn less by heart."

    def data(self, config: Any) -> Iterator[Finding]:
        """Judge how many photos of how many people there are, and what could not be used."""
        shards = TemplateShards(config.binary_data_dir)
        photos = {split: shards.count(split) for split in ("train", "val")}  # type: ignore[arg-type]
        people = {split: len(np.unique(shards.identities(split))) for split in photos}  # type: ignore[arg-type]
        counts = {
            "train_photos": (float(photos["train"]), OWN["train_photos"]),
            "train_people": (float(people["train"]), OWN["train_people"]),
            "val_people": (float(people["val"]), OWN["val_people"]),
        }
        said = f"{photos['train']} photos {OWN['train_photos'].asks()} of {people['train']} people "
        said += f"{OWN['train_people'].asks()} to learn from, {photos['val']} of {people['val']} unseen people "
        said += f"{OWN['val_people'].asks()} to measure on"
        means = "What is rebuilt leans towards the few faces that it knows."
        remedy = "Give photos of more people; template_decoder_small.yaml suits a few thousand photos."
        yield counted("photos", counts, said, means, remedy)
        kept, skipped = sum(photos.values()), shards.index.skipped
        yield files(kept, skipped, "photos", "One face a photo, towards the camera; --aligned for crops.")

    def trained(self, task: Any, picture: Path) -> Iterator[Finding]:
        """Rebuild unseen people, and ask the recogniser whom it takes them for."""
        source, shards = task.source["path"], task.shards
        recogniser = find_recogniser(task.recogniser, task.cfg.infer_recogniser)
        numbers = {split: spread_out(shards.count(split), MOST) for split in ("val", "train")}
        templates, whose = shards.templates("val", numbers["val"])
        known_templates, known = shards.templates("train", numbers["train"])
        faces, known_faces = task.reconstruct(templates), task.reconstruct(known_templates)
        truth, again = units(templates), units(encode(recogniser, faces))
        photos = {split: read_crops(shards, split, chosen) for split, chosen in numbers.items()}  # type: ignore[arg-type]
        mean_face = photos["train"].mean(axis=0).round().astype(np.uint8)
        cosines = (truth * again).sum(axis=1)
        others = {"mean face": truth @ units(recogniser.templates(mean_face[None]))[0]}
        others |= {"another person": shuffled} if len(shuffled := of_another(again, truth, whose)) else {}
        remedy = "Train longer, with recogniser_after late enough for a face to be there; weights.mixed 1."
        what = "cosine with the template"
        yield ahead_of(
            "the rebuilt face is the person", what, cosines.mean(), differences(cosines, others, whose), remedy, source
        )
        thresholds, _ = impostor_thresholds(
            np.concatenate([truth, units(known_templates)]), np.concatenate([whose, known])
        )
        rate = min(rate for rate, threshold in thresholds.items() if threshold is not None or rate == RATES[0])
        threshold = thresholds[rate]
        if threshold is not None:
            share, people = float((cosines > threshold).mean()), len(np.unique(whose))
            yield against_chance(
                "recognised",
                f"taken for the person, at a false match rate of {rate:g},",
                share,
                rate,
                people,
                remedy,
                source,
            )
        known_cosines = (units(known_templates) * units(encode(recogniser, known_faces))).sum(axis=1)
        base = float(others["mean face"].mean())
        yield generalises(what, known_cosines.mean(), cosines.mean(), self.by_heart, source, base=base)
        few = spread_out(len(faces), LOOKED_AT)
        with make_detector("auto") as detector:
            made, real = (
                float(cut_out(part[few], detector, kind)[1].mean())
                for kind, part in (("rebuilt", faces), ("real", photos["val"]))
            )
        yield faces_found(made, real, len(few), "Raise weights.pixel and recogniser_after; from_afar: true.", source)
        first = np.unique(whose, return_index=True)[1]
        parts = {
            "templates of the rebuilt faces": (again[first], truth[first]),
            "rebuilt faces": (little(faces[first]), little(photos["val"][first])),
        }
        yield alike(parts, len(first), "Train longer; weights.identity 1 after recogniser_after; more people.", source)
        places = one_of_each(whose)
        picture_of = sheet(
            shards, numbers["val"][places], faces[places], again[places], units(known_templates), numbers["train"]
        )
        write_picture(picture, picture_of, marks_of(task, "comparison"))
