"""Pair faces with the voices they belong to, for wav2pix.

    python data_gen/run.py wav2pix --pairs data/raw/speakers --out data/binary/speakers

`--pairs` is a folder of `<speaker>/<name>.wav` beside `<speaker>/<name>.jpg` (or .png), of `train/` and `val/` with
such folders inside, or one with a `pairs.csv` of the columns split, speaker, image, wav. A speaker's folder may hold
talking videos instead: a frame a second is taken with the sound around it. Without a split, the last tenth of each
speaker's pairs is for validation.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.wav2pix.pairs import RATE, Pair, Split, middle, write_pairs
from utils.audio import read_wav
from utils.errors import DataError
from utils.face_crops import PICTURES, read_photo, resized
from utils.files import inside, read_table
from utils.flags import number, whole
from utils.progress import Progress

log = logging.getLogger(__name__)
VIDEOS = {".mp4", ".mpg", ".mpeg", ".mov", ".avi", ".mkv", ".webm"}
COLUMNS = ("split", "speaker", "image", "wav")
AROUND = 1.5
"""Side of a face cut out of a video, in sizes of its landmarks' box."""


class Source(NamedTuple):
    """Where a pair comes from: a picture and a sound, or a video for both."""

    split: Split | None
    speaker: str
    picture: Path
    sound: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--pairs", type=Path, required=True, help="folder of speakers' pictures and sounds, or videos")
    parser.add_argument("--out", type=Path, required=True, help="folder to fill, for example data/binary/speakers")
    parser.add_argument(
        "--image_size", type=whole(8, 1024), default=128, help="side of the stored faces; training may shrink them"
    )
    parser.add_argument(
        "--seconds", type=number(0.1, 60), default=1.0, help="length of the sounds, 0.7 to 4; the middle is taken"
    )
    parser.add_argument(
        "--swapped", action="store_true", help="the pictures have red and blue swapped, as the published set"
    )
    parser.add_argument("--detector", default="auto", help="landmark detector for videos")
    parser.add_argument("--licence", default="", help="licence and consent of the data, kept with it")


def main(args: argparse.Namespace) -> int:
    """Read every pair and write the folder; return 0.

    Raises:
        DataError: There is no pair, or nothing that can be learnt from.
    """
    samples = round(args.seconds * RATE)
    sources = find_sources(args.pairs)
    found: dict[Split | None, list[Pair]] = {"train": [], "val": [], None: []}
    skipped: dict[str, str] = {}
    with Progress("pairs", len(sources)) as progress:
        for source in sources:
            try:
                some = list(read_source(source, samples, args))
                found[source.split] += some
                if not some:
                    skipped[str(source.picture)] = "no face found"
            except DataError as error:
                skipped[str(source.picture)] = " ".join(str(error).split())
            progress.step()
    for file, why in skipped.items():
        log.warning("skipped %s: %s", file, why)
    if not any(found.values()):
        raise DataError(f"{args.pairs}: not one pair could be used. {next(iter(skipped.values()), '')}")
    share_out(found)
    pairs: dict[Split, list[Pair]] = {"train": found["train"], "val": found["val"]}
    made = write_pairs(args.out, pairs, licence=args.licence, skipped=skipped)
    print(
        f"{args.out}: {made.count('train')} pairs to train, {made.count('val')} to validate, of "
        f"{len(made.meta.speakers)} speakers; {len(skipped)} skipped"
    )
    return 0


def share_out(found: dict[Split | None, list[Pair]]) -> None:
    """Give the pairs that belong to no split to one: the last tenth (at least one) of each speaker validates."""
    for speaker in sorted({pair.speaker for pair in found[None]}):
        own = [pair for pair in found[None] if pair.speaker == speaker]
        held_out = max(1, len(own) // 10) if len(own) > 1 else 0
        found["train"] += own[: len(own) - held_out]
        found["val"] += own[len(own) - held_out :]


def find_sources(folder: Path) -> list[Source]:
    """List the pairs of a folder, sorted by speaker and name.

    Raises:
        DataError: There is none.
    """
    file = folder / "pairs.csv"
    if file.is_file():
        return [_listed(folder, number, row) for number, row in enumerate(read_table(file, COLUMNS), 2)]
    splits: list[tuple[Split | None, Path]] = [(None, folder)]
    if (folder / "train").is_dir():
        splits = [
            ("train", folder / "train"),
            ("val", folder / "val" if (folder / "val").is_dir() else folder / "test"),
        ]
    found = []
    for split, place in splits:
        for person in sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []:
            for file in sorted(person.iterdir()):
                if file.suffix.lower() in VIDEOS:
                    found.append(Source(split, person.name, file, file))
                elif file.suffix.lower() in PICTURES and (sound := file.with_suffix(".wav")).is_file():
                    found.append(Source(split, person.name, file, sound))
    if not found:
        raise DataError(
            f"No pair under {folder}. Put <speaker>/<name>.wav beside <speaker>/<name>.jpg, or videos there."
        )
    return found


def _listed(folder: Path, number: int, row: dict[str, str]) -> Source:
    """Read a row of pairs.csv."""
    split, speaker, image, wav = (row[name].strip() for name in COLUMNS)
    if split not in ("train", "val", "test") or not (speaker and image and wav):
        where = f"{folder / 'pairs.csv'}, line {number}"
        raise DataError(f"{where}: wants train, val or test, a speaker, an image and a wav.")
    return Source("train" if split == "train" else "val", speaker, inside(folder, image), inside(folder, wav))


def read_source(source: Source, samples: int, args: argparse.Namespace) -> Iterator[Pair]:
    """Yield the pair of a picture and a sound, or those of a video."""
    if source.picture != source.sound:
        photo = read_photo(source.picture)
        face = resized(square(photo), args.image_size)
        if args.swapped:
            face = np.ascontiguousarray(face[..., ::-1])
        wav = middle(read_wav(source.sound), samples)
        if not wav.any():
            raise DataError("the sound is silent")
        yield Pair(face, wav, source.speaker)
        return
    from utils.landmark_detector import make_detector
    from utils.video import read_frames

    sound = read_wav(source.sound)
    with make_detector(args.detector) as detector:
        for second, frame in enumerate(read_frames(source.picture, fps=1)):
            start = second * RATE - samples // 2
            if start < 0 or start + samples > len(sound):
                continue
            faces = detector.detect(frame)
            wav = middle(sound[start : start + samples], samples)
            if faces and wav.any():
                yield Pair(resized(face_square(frame, faces[0].box), args.image_size), wav, source.speaker)


def square(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle square of a picture."""
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    return photo[top : top + side, left : left + side]


def face_square(frame: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """Return a square around a face's box, its edges repeated beyond the picture."""
    x0, y0, x1, y1 = box
    half = max(4, round(AROUND * max(x1 - x0, y1 - y0) / 2))
    x, y = round((x0 + x1) / 2), round((y0 + y1) / 2)
    rows = np.clip(np.arange(y - half, y + half), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(x - half, x + half), 0, frame.shape[1] - 1)
    return frame[rows[:, None], columns]
