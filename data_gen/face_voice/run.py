"""Make a set of persons with voices and faces: what is typed, and how persons become shards."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from data_gen.demo.identity import make_identity
from data_gen.face_voice.dataset import PERSONS_PER_SHARD
from data_gen.face_voice.process import SOUNDS, Limits, PersonFiles, Result, process_person
from data_gen.face_voice.splits import Split, split_persons
from data_gen.face_voice.writer import FaceVoiceWriter, MadePerson
from data_gen.ray_pool import RayPool, mapped, pool_of
from utils.config.schema import Config, Count, Fraction, Whole
from utils.errors import ConfigError, DataError
from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector
from utils.files.digests import fingerprint
from utils.files.names import plain_name
from utils.files.ownership import refuse_folder_of_inputs
from utils.files.tables import read_table
from utils.files.tree import files_under
from utils.media.pictures import PICTURES
from utils.media.video import VIDEOS
from utils.processes.workers import WorkerPool
from utils.progress import Progress

log = logging.getLogger(__name__)
VERSION = 2
"""Raise it when process_person changes what it gives: old shards are then made again."""
OF_PICTURES = ("_embedding.npy", "_landmarks.npy", "_landmark.npy")
"""How files end that Speech-to-face computed of pictures: features and landmarks are found anew here."""
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class FaceVoiceCommand(Config):
    """Make a set of persons with voices and faces from folders of sounds, pictures or talking videos.

        python data_gen/run.py face_voice --out data/binary/face_voice --persons data/raw/persons

    Every folder of `--persons` is a person; sounds, pictures and videos lie anywhere below it, for example in `audios/`
    and `images/`. Videos are used for what is not there as files. When the folders are called train, val and test, the
    persons lie in them and the split is theirs; otherwise whole persons are split, every label (`--labels`) in its
    share. Spectrograms that Speech-to-face made of voices (.npy of its VE_conv) are turned back into sound; what it
    computed of pictures is computed anew. `--made 250` makes persons who do not exist instead. A file that cannot be
    used is listed with the reason.
    """

    out: Path
    """folder to fill, for example data/binary/face_voice"""
    persons: Path | None = None
    """folder of persons: <person>/{audios,images}/..., or videos"""
    made: Annotated[Count, Field(le=1_000_000)] | None = None
    """make so many persons who do not exist"""
    faces_only: bool = False
    """pictures only, to train a face encoder with"""
    labels: Path | None = None
    """CSV with the columns person,label, to spread labels over splits"""
    split_by: Literal["person", "file"] = "person"
    """file: every person is known in training, a tenth of the files is held out"""
    val: Fraction = 0.1
    """share of the persons for validation"""
    test: Fraction = 0.1
    """share of the persons for the last test"""
    seed: Whole = 0
    """seed of the split, and of made persons"""
    max_clips: Count = 200
    """sounds taken of a person"""
    max_faces: Count = 50
    """pictures taken of a person"""
    max_seconds: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = 30.0
    """seconds taken of a sound"""
    detector: str = "auto"
    """landmark detector: auto, mediapipe, face_alignment, dlib"""
    workers: Count = 1
    """processes"""
    ray_address: str = ""
    """process the persons on this Ray cluster instead: <head>:6379, or auto"""
    per_shard: Count = PERSONS_PER_SHARD
    """persons per file"""
    licence: str = ""
    """licence and consent of the data, kept with it"""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.persons is None) == (self.made is None):
            raise PydanticCustomError("source", "give either --persons FOLDER or --made N")
        return self


def main(args: FaceVoiceCommand) -> int:
    """Process every person and write the index; return 0.

    Raises:
        DataError: Nobody was found, or nobody could be used.
    """
    if args.val + args.test >= 1:
        raise ConfigError(f"--val {args.val:g} and --test {args.test:g} leave nobody to train on: together less than 1")
    limits = Limits(args.max_clips, args.max_faces, args.max_seconds, voices=not args.faces_only)
    if args.persons is not None:
        refuse_folder_of_inputs(args.out, [args.persons], "--out")
        persons = find_persons(args, args.persons)
    else:
        persons = made_persons(args, args.made or 0)
    shards = [persons[i : i + args.per_shard] for i in range(0, len(persons), args.per_shard)]
    licence = args.licence or ("Made: NASA portrait (public domain), espeak-ng voices." if args.made else "")
    with ExitStack() as stack:
        writer = FaceVoiceWriter(args.out, licence=licence)
        bar = stack.enter_context(Progress("persons", len(persons)))
        pool = stack.enter_context(pool_of(args.workers, args.ray_address, "persons"))
        for number, group in enumerate(shards):
            stamps = [(p.id, p.split, p.label, p.made_seed, p.stamps()) for p in group]
            recipe = fingerprint(VERSION, stamps, asdict(limits), args.detector)
            if writer.has(number, recipe):
                bar.step(len(group))
                continue
            skipped: dict[str, str] = {}
            writer.write(number, _usable(group, args, limits, skipped, bar, pool), recipe=recipe, skipped=skipped)
        dataset = writer.finish(len(shards))
    for file, why in dataset.index.skipped.items():
        print(f"skipped {file}: {why}")
    for split in SPLITS:
        some_infos = [p for p in dataset.persons if p.split == split]
        clips, faces = sum(len(p.clips) for p in some_infos), sum(len(p.faces) for p in some_infos)
        print(f"{args.out}: {split}: {len(some_infos)} person(s), {clips} sounds, {faces} faces")
    return 0


def find_persons(args: FaceVoiceCommand, root: Path) -> list[PersonFiles]:
    """List the persons of the folder `root` with their files and splits.

    Raises:
        DataError: There is nobody, or the labels cannot be read.
    """
    folders = sorted(path for path in root.glob("*") if path.is_dir())
    labels = read_labels(args.labels) if args.labels else {}
    if folders and {folder.name for folder in folders} <= set(SPLITS):
        persons = [
            _files(person, split, labels) for split in SPLITS for person in sorted((root / split).glob("*"))
            if person.is_dir()
        ]  # fmt: skip
    elif args.split_by == "file":
        persons = [part for folder in folders for part in _split_files(_files(folder, "train", labels), args.val)]
    else:
        names = [plain_name(folder.name) for folder in folders]
        splits = split_persons(names, labels, val=args.val, test=args.test, seed=args.seed)
        persons = [_files(folder, splits[name], labels) for folder, name in zip(folders, names, strict=True)]
    persons = [person for person in persons if person.sounds or person.pictures or person.videos]
    for (name, _), count in Counter((person.id, person.split) for person in persons).items():
        if count > 1:
            raise DataError(f"Two folders under {root} are called {name}, in two forms of Unicode. Put them together.")
    if not persons:
        raise DataError(f"Nobody under {root}. Put each person's files there: <person>/audios/*.wav, <person>/images/*")
    return persons


def made_persons(args: FaceVoiceCommand, count: int) -> list[PersonFiles]:
    """Name `count` persons who do not exist, their voices' kind as their label."""
    names = [f"made{number:05d}" for number in range(count)]
    splits = split_persons(names, val=args.val, test=args.test, seed=args.seed)
    first = 1 + 100_000 * args.seed
    kinds = {"f": "high voice", "m": "low voice"}
    persons = []
    for number, name in enumerate(names, first):
        label = kinds[make_identity(number).voice.variant[0]]
        persons.append(PersonFiles(name, splits[name], label, made_seed=number))
    return persons


def read_labels(path: Path) -> dict[str, str]:
    """Read a CSV with the columns person and label.

    Raises:
        DataError: It is missing or has other columns.
    """
    rows = read_table(path, ("person", "label"))
    return {plain_name(row["person"] or ""): row["label"] for row in rows}


def _files(folder: Path, split: Split, labels: dict[str, str]) -> PersonFiles:
    files = files_under(folder)

    def of(kinds: set[str]) -> tuple[Path, ...]:
        own = (path for path in files if not path.name.endswith(OF_PICTURES))
        return tuple(path for path in own if path.suffix.lower() in kinds)

    name = plain_name(folder.name)
    return PersonFiles(name, split, labels.get(name, ""), of(SOUNDS), of(PICTURES), of(VIDEOS))


def _split_files(person: PersonFiles, val: float) -> list[PersonFiles]:
    """Hold out the last share of each kind of file of a person; at least one when there are two."""

    def cut(files: tuple[Path, ...]) -> int:
        return len(files) - max(1, round(val * len(files))) if len(files) > 1 else len(files)

    s, p, v = cut(person.sounds), cut(person.pictures), cut(person.videos)
    train = replace(person, sounds=person.sounds[:s], pictures=person.pictures[:p], videos=person.videos[:v])
    held = replace(
        person, split="val", sounds=person.sounds[s:], pictures=person.pictures[p:], videos=person.videos[v:]
    )
    return [train, held]


def _usable(
    persons: Sequence[PersonFiles],
    args: FaceVoiceCommand,
    limits: Limits,
    skipped: dict[str, str],
    bar: Progress,
    pool: WorkerPool | RayPool | None,
) -> Iterator[MadePerson]:
    """Yield the persons of whom something could be used, in order; note the rest in `skipped`."""
    jobs = [(asdict(person), args.detector, asdict(limits)) for person in persons]
    for files, result in zip(persons, mapped(pool, process_one, jobs), strict=True):
        if isinstance(result, str):
            result = Result(MadePerson(files.id, files.label, files.split, [], []), {files.id: result})
        skipped |= result.skipped
        bar.step()
        lacks = "face" if not result.person.faces else "voice" if limits.voices and not result.person.clips else ""
        if lacks:
            log.warning("left out %s: no usable %s", files.id, lacks)
            skipped[f"{files.id} ({files.split})"] = f"no usable {lacks}"
        else:
            yield result.person


_detectors: dict[str, LandmarkDetector] = {}


def process_one(job: tuple[dict[str, Any], str, dict[str, Any]]) -> Result:
    """Process a person who was sent as plain data: files, name of the detector, limits."""
    files, name, limits = PersonFiles(**job[0]), job[1], Limits(**job[2])
    if files.made_seed is None and name not in _detectors:
        _detectors[name] = make_detector(name)
    return process_person(files, _detectors.get(name), limits)
