"""Make pairs of aligned face and template: what is typed, and how photos become shards."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data_gen.ray_pool import RayPool, mapped, pool_of
from data_gen.templates.own_face import own_faces
from data_gen.templates.pickled import PickledTemplates, read_pickled
from data_gen.templates.shards import PER_SHARD, Split, decode, encode
from data_gen.templates.writer import TemplateShardWriter
from utils.arguments import Several
from utils.config.schema import Config, Count, Whole
from utils.errors import DataError, UserError
from utils.faces.crops import CROP, aligned_crop, five_points, may_be_meant
from utils.faces.detector import LandmarkDetector
from utils.faces.detectors import make_detector
from utils.faces.recogniser import Recogniser, open_recogniser
from utils.files.digests import fingerprint
from utils.files.digests import sha256 as digest_of
from utils.files.names import plain_name
from utils.files.ownership import refuse_folder_of_inputs
from utils.media.pictures import find_pictures, read_photo, resized
from utils.processes.workers import WorkerPool
from utils.progress import Progress

log = logging.getLogger(__name__)
VERSION = 2
"""Raise it when what is written changes: old shards are then made again."""
BATCH = 64


class TemplatesCommand(Config):
    """Make pairs of aligned face and template from a folder of photos, one folder a person.

        python data_gen/run.py templates --faces data/raw/faces --out data/binary/faces --recogniser arcface_mbf

    Faces are found, turned upright and cut to 112 pixels by five points; of several in a photo that is taken which is
    like the person's other photos. Photos that are aligned already are taken as they are with `--aligned`. People for
    validation are never seen in training. What was made is kept: the command may be stopped and run again.
    """

    faces: Path
    """folder of photos: <person>/<photo>.jpg"""
    out: Path
    """folder to fill, for example data/binary/faces"""
    recogniser: str = "arcface_mbf"
    """arcface_mbf, arcface_r50 (both for non-commercial research), dlib, or a path to an ONNX file"""
    aligned: bool = False
    """the photos are aligned crops already"""
    pickled: Annotated[tuple[Path, ...], Several()] = ()
    """rbh24's data/*.pkl: take the photos that they list, which lie aligned under --faces, with their templates; the
    recogniser is arcface_r50 then unless given"""
    pickled_key: Literal["buffalo", "antelope"] = "buffalo"
    """which of the two lists of templates in them"""
    val_identities: Annotated[int, Field(ge=-1)] = -1
    """people kept for validation; -1 is a tenth, at least one"""
    max_per_identity: Whole = 0
    """take at most so many photos of a person; 0 takes all"""
    detector: str = "auto"
    """landmark detector: auto, mediapipe, face_alignment, dlib"""
    workers: Count = 1
    """processes that find faces"""
    ray_address: str = ""
    """find faces on this Ray cluster instead: <head>:6379, or auto"""
    per_shard: Count = PER_SHARD
    """pairs per file"""
    licence: str = ""
    """licence and consent of the photos, kept with the data"""


def main(args: TemplatesCommand) -> int:
    """Process every photo and write the index; return 0.

    Raises:
        DataError: No photo was found, or none could be used.
    """
    refuse_folder_of_inputs(args.out, [args.faces, *args.pickled], "--out")
    if not args.pickled:
        return make(args, open_recogniser(args.recogniser), find_pictures(args.faces))
    recogniser = open_recogniser(args.recogniser if "recogniser" in args.model_fields_set else "arcface_r50")
    with read_pickled(args.pickled, args.faces, args.pickled_key, recogniser) as given:
        if given.absent:
            log.warning("%d photos are listed and not there, or twice: left out", given.absent)
        return make(args.model_copy(update={"aligned": True}), recogniser, sorted(given.rows), given)


def make(
    args: TemplatesCommand, recogniser: Recogniser, photos: list[Path], given: PickledTemplates | None = None
) -> int:
    """Process photos, whose templates may be given, and write the index; return 0."""
    people = sorted({identity_of(path, args.faces) for path in photos})
    numbers = {name: order for order, name in enumerate(people)}
    held_out = choose_held_out(people, args.val_identities)
    began = time.monotonic()
    origin = (args.pickled_key, *map(digest_of, args.pickled)) if given is not None else ()
    jobs: list[tuple[Split, list[Path]]] = []
    for split in ("train", "val"):
        wanted = [p for p in photos if (identity_of(p, args.faces) in held_out) == (split == "val")]
        wanted = first_of_each(wanted, args.faces, args.max_per_identity)
        jobs += [(split, wanted[i : i + args.per_shard]) for i in range(0, len(wanted), args.per_shard)]  # type: ignore[misc]
    with ExitStack() as stack:
        writer = TemplateShardWriter(args.out, recogniser.id, licence=args.licence)
        progress = stack.enter_context(Progress("templates", sum(len(group) for _, group in jobs)))
        pool = stack.enter_context(pool_of(args.workers, args.ray_address, "photos"))
        for number, (split, group) in enumerate(jobs):
            stamps = [(str(p.relative_to(args.faces)), p.stat().st_size, p.stat().st_mtime_ns) for p in group]
            source = "aligned" if args.aligned else args.detector
            recipe = fingerprint(VERSION, stamps, source, recogniser.id.sha256, split, *origin)
            if writer.has(number, recipe):
                log.info("shard %d of %d: kept", number + 1, len(jobs))
                progress.step(len(group))
                continue
            skipped: dict[str, str] = {}
            crops = cut_out(group, args, pool, skipped, progress)
            named = given.of(crops) if given is not None else with_templates(crops, recogniser)
            own = own_faces(named, lambda p: identity_of(p, args.faces), skipped)
            pairs = (
                (str(p.relative_to(args.faces)), numbers[identity_of(p, args.faces)], jpeg, template)
                for p, jpeg, template in own
            )
            writer.write(number, pairs, split=split, recipe=recipe, skipped=skipped)
        shards = writer.finish(len(jobs))
    kept = {split: shards.count(split) for split in ("train", "val")}  # type: ignore[arg-type]
    print(
        f"{args.out}: {kept['train']} pairs to train, {kept['val']} of {len(held_out)} unseen people to validate; "
        f"{shards.index.skipped} photo(s) skipped; templates of {recogniser.id.name} ({recogniser.id.width} wide); "
        f"{len(photos) / max(time.monotonic() - began, 1e-3):.1f} photos/s"
    )
    return 0


def identity_of(photo: Path, folder: Path) -> str:
    """Return whose photo it is: the folder it lies in, or the photo itself when it lies in none."""
    parts = photo.relative_to(folder).parts
    return plain_name(parts[0] if len(parts) > 1 else photo.stem)


def choose_held_out(people: list[str], count: int) -> set[str]:
    """Choose people for validation by a digest of their names: the same ones whatever order folders come in.

    Raises:
        DataError: Nobody would be left to train on.
    """
    count = max(1, len(people) // 10) if count < 0 else count
    if count >= len(people):
        raise DataError(f"There are {len(people)} people and {count} for validation: nobody is left to train on.")
    return set(sorted(people, key=lambda name: fingerprint(name))[:count])


def first_of_each(photos: list[Path], folder: Path, most: int) -> list[Path]:
    """Return at most `most` photos of each person; all when it is 0."""
    if most <= 0:
        return photos
    counts: dict[str, int] = {}
    kept = []
    for photo in photos:
        name = identity_of(photo, folder)
        counts[name] = counts.get(name, 0) + 1
        if counts[name] <= most:
            kept.append(photo)
    return kept


def cut_out(
    photos: list[Path],
    args: TemplatesCommand,
    pool: WorkerPool | RayPool | None,
    skipped: dict[str, str],
    bar: Progress,
) -> Iterator[tuple[Path, bytes]]:
    """Yield each usable photo with the crop of each face as JPEG; note the others in `skipped`."""
    jobs = [(photo, args.aligned, args.detector) for photo in photos]
    for photo, result in zip(photos, mapped(pool, cut_one, jobs, chunksize=16), strict=True):
        bar.step()
        if isinstance(result, str):
            log.warning("skipped %s: %s", photo, result)
            skipped[str(photo)] = result
        else:
            yield from ((photo, jpeg) for jpeg in result)


def with_templates(
    crops: Iterator[tuple[Path, bytes]], recogniser: Recogniser
) -> Iterator[tuple[Path, bytes, NDArray[np.float32]]]:
    """Add each crop's template, computed from the picture as it is stored, a batch at a time."""
    waiting: list[tuple[Path, bytes]] = []

    def give() -> Iterator[tuple[Path, bytes, NDArray[np.float32]]]:
        templates = recogniser.templates(np.stack([decode(jpeg) for _, jpeg in waiting]))
        yield from ((photo, jpeg, template) for (photo, jpeg), template in zip(waiting, templates, strict=True))

    for item in crops:
        waiting.append(item)
        if len(waiting) == BATCH:
            yield from give()
            waiting.clear()
    if waiting:
        yield from give()


_detectors: dict[str, LandmarkDetector] = {}


def cut_one(job: tuple[Path, bool, str]) -> Any:
    """Return the crops of one photo's faces as JPEG, the largest first, or why there is none."""
    path, aligned, name = job
    try:
        photo = read_photo(path)
        if aligned:
            if photo.shape[0] != photo.shape[1]:
                return f"{photo.shape[1]} x {photo.shape[0]} pixels is not a square crop; leave out --aligned"
            return [encode(resized(photo, CROP))]
        if name not in _detectors:
            _detectors[name] = make_detector(name)
        _detectors[name].forget()
        faces = may_be_meant(_detectors[name].detect(photo))
        return [encode(aligned_crop(photo, five_points(face.points_px))) for face in faces] or "no face found"
    except DataError as error:
        return " ".join(str(error).split())
    except UserError:
        raise
