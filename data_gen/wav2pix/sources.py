"""Find and read the pictures, sounds and videos that pairs are made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.wav2pix.pairs import Pair, Split, middle
from data_gen.wav2pix.settings import PairsCommand
from utils.errors import DataError
from utils.faces.detectors import make_detector
from utils.files.digests import inside
from utils.files.tables import read_table
from utils.media.pictures import PICTURES, read_photo, resized
from utils.media.video import VIDEOS, read_frames
from utils.media.wav import read_wav
from utils.rates import RATE

COLUMNS = ("split", "speaker", "image", "wav")
AROUND = 1.5
"""Side of a face cut out of a video, in sizes of its landmarks' box."""


class Source(NamedTuple):
    """Where a pair comes from: a picture and a sound, or a video for both."""

    split: Split | None
    speaker: str
    picture: Path
    sound: Path


def share_out(pairs: dict[Split | None, list[Pair]]) -> None:
    """Give the pairs that belong to no split to one: the last tenth (at least one) of each speaker validates."""
    for speaker in sorted({pair.speaker for pair in pairs[None]}):
        own = [pair for pair in pairs[None] if pair.speaker == speaker]
        held_out = max(1, len(own) // 10) if len(own) > 1 else 0
        pairs["train"] += own[: len(own) - held_out]
        pairs["val"] += own[len(own) - held_out :]


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
    sources = []
    for split, place in splits:
        for person in sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []:
            for file in sorted(person.iterdir()):
                if file.suffix.lower() in VIDEOS:
                    sources.append(Source(split, person.name, file, file))
                elif file.suffix.lower() in PICTURES and (sound := file.with_suffix(".wav")).is_file():
                    sources.append(Source(split, person.name, file, sound))
    if not sources:
        raise DataError(
            f"No pair under {folder}. Put <speaker>/<name>.wav beside <speaker>/<name>.jpg, or videos there."
        )
    return sources


def _listed(folder: Path, number: int, row: dict[str, str]) -> Source:
    """Read a row of pairs.csv."""
    split, speaker, image, wav = (row[name].strip() for name in COLUMNS)
    if split not in ("train", "val", "test") or not (speaker and image and wav):
        where = f"{folder / 'pairs.csv'}, line {number}"
        raise DataError(f"{where}: wants train, val or test, a speaker, an image and a wav.")
    return Source("train" if split == "train" else "val", speaker, inside(folder, image), inside(folder, wav))


def read_source(source: Source, samples: int, args: PairsCommand) -> Iterator[Pair]:
    """Yield the pair of a picture and a sound, or those of a video.

    Raises:
        DataError: The picture or the sound cannot be read, or the sound is silent.
    """
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
    """Return the middle square (S, S, 3) of a picture (H, W, 3)."""
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    return photo[top : top + side, left : left + side]


def face_square(frame: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """Return a square (S, S, 3) around a face's box in pixels, the frame's (H, W, 3) edges repeated beyond it."""
    x0, y0, x1, y1 = box
    half = max(4, round(AROUND * max(x1 - x0, y1 - y0) / 2))
    x, y = round((x0 + x1) / 2), round((y0 + y1) / 2)
    rows = np.clip(np.arange(y - half, y + half), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(x - half, x + half), 0, frame.shape[1] - 1)
    return frame[rows[:, None], columns]
