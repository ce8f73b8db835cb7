"""Make speech with what a large speech model hears in it: what is typed, and how sounds become shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from data_gen.speech.writer import HeardPiece, SpeechWriter
from data_gen.speech_features import audio_features, feature_width
from utils.arguments import Several
from utils.arrays import Floats
from utils.config.schema import Config, Count
from utils.config.schema import Fraction as Share
from utils.errors import DataError
from utils.files.digests import fingerprint, sha256
from utils.files.ownership import refuse_folder_of_inputs
from utils.files.tree import files_under
from utils.media.video import VIDEOS
from utils.media.wav import fit_length, read_wav
from utils.progress import Progress
from utils.rates import FPS, RATE, SAMPLES_A_FRAME
from utils.sound.content_features import BEST_WHISPER
from utils.sound.speech_level import levelled, measure

VERSION = 1
"""Raise it when a piece is made otherwise: old shards are then made again."""
SOUNDS = {".wav", ".mp3", ".ogg", ".opus", ".flac", ".m4a", ".aac"} | VIDEOS
PIECE_SAMPLES = 30 * RATE
Speed = Annotated[float, Field(ge=0.5, le=2.0)]


class SpeechCommand(Config):
    """Make speech to train an ear with: sounds, and what a large speech model hears in them.

        python data_gen/run.py speech --out data/binary/speech --sounds data/raw/speech --speeds 0.88 1 1.13

    Sounds (and videos, of which the sound is taken) lie anywhere below the folder. Each is brought to one loudness, cut
    into pieces of half a minute, and heard at every speed: faster is higher too, as if another person spoke. What
    cannot be used is listed with the reason. Given again, the command goes on where it was.
    """

    out: Path
    """folder to fill, for example data/binary/speech"""
    sounds: Path
    """folder of sounds"""
    teacher: str = BEST_WHISPER
    """the speech feature that is to be learnt"""
    speeds: Annotated[list[Speed], Several(), Field(min_length=1, max_length=20)] = [1.0]
    """how fast each sound is heard"""
    val: Share = 0.05
    """share of the sounds for validation, chosen by their names"""
    max_seconds: Annotated[float, Field(ge=1, le=3600)] = 600.0
    """seconds taken of a sound"""
    per_shard: Count = 4
    """sounds per file"""
    licence: str = ""
    """licence and consent of the sounds, kept with them"""


def main(args: SpeechCommand) -> int:
    """Hear every sound and write the index; return 0.

    Raises:
        DataError: There is no sound, or none can be used.
    """
    refuse_folder_of_inputs(args.out, [args.sounds], "--out")
    feature_width(args.teacher)
    files = [file for file in files_under(args.sounds) if file.suffix.lower() in SOUNDS]
    if not files:
        raise DataError(f"No sound under {args.sounds}. Put files there: .wav, .mp3, .ogg, .flac, .m4a, or videos.")
    held = _held_out([str(file.relative_to(args.sounds)) for file in files], args.val)
    shards = [files[i : i + args.per_shard] for i in range(0, len(files), args.per_shard)]
    writer = SpeechWriter(args.out, args.teacher, licence=args.licence)
    with Progress("sounds", len(files)) as bar:
        for number, group in enumerate(shards):
            names = [str(file.relative_to(args.sounds)) for file in group]
            stamps = [(name, sha256(file), name in held) for name, file in zip(names, group, strict=True)]
            recipe = fingerprint(VERSION, stamps, args.teacher, args.speeds, args.max_seconds)
            if writer.has(number, recipe):
                bar.step(len(group))
                continue
            skipped: dict[str, str] = {}
            writer.write(number, _heard(args, names, held, skipped, bar), recipe=recipe, skipped=skipped)
    dataset = writer.finish(len(shards))
    for file, why in dataset.index.skipped.items():
        print(f"skipped {file}: {why}")
    for split in ("train", "val"):
        rows = [piece.rows for piece in dataset.index.pieces if piece.split == split]
        print(f"{args.out}: {split}: {len(rows)} piece(s), {sum(rows) / 50:.0f} s")
    return 0


def _held_out(names: list[str], share: float) -> set[str]:
    """Choose the validation sounds: those whose names' digests come first, so that more sounds change little."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    count = max(1, round(share * len(names))) if share and len(names) > 1 else 0
    return set(ranked[:count])


def _heard(
    args: SpeechCommand, names: list[str], held: set[str], skipped: dict[str, str], bar: Progress
) -> Iterator[HeardPiece]:
    """Yield the pieces of sounds in order; note in `skipped` what cannot be used."""
    for name in names:
        file = args.sounds / name
        try:
            wav = read_wav(file)[: round(args.max_seconds * RATE)]
            level = measure(wav)
            if not level.somebody_speaks:
                raise DataError("nobody speaks in it")
        except DataError as error:
            skipped[name] = str(error)
            bar.step()
            continue
        for speed in args.speeds:
            for piece in pieces_of(at_speed(levelled(wav, level), speed)):
                rows = audio_features(piece, args.teacher)
                yield HeardPiece(name, speed, "val" if name in held else "train", piece, rows)
        bar.step()


def at_speed(wav: Floats, speed: float) -> Floats:
    """Return a sound (S,) played so many times as fast, and so many times as high, (S / speed,)."""
    from scipy.signal import resample_poly

    ratio = Fraction(1 / speed).limit_denominator(40)
    return np.asarray(wav if ratio == 1 else resample_poly(wav, ratio.numerator, ratio.denominator), np.float32)


def pieces_of(wav: Floats) -> Iterator[Floats]:
    """Cut a sound (S,) into pieces of 30 s; the last is padded to whole frames, and left out below a second."""
    for start in range(0, len(wav), PIECE_SAMPLES):
        piece = wav[start : start + PIECE_SAMPLES]
        frames = -(-len(piece) // SAMPLES_A_FRAME)
        if frames >= FPS:
            yield fit_length(piece, frames * SAMPLES_A_FRAME)
