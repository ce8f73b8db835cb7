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
from pathlib import Path

from data_gen.wav2pix.pairs import PAIRS, Pair, Split, write_pairs
from data_gen.wav2pix.sources import find_sources, read_source, share_out
from utils.command import number, whole
from utils.errors import DataError
from utils.files.ownership import refuse_folder_of_inputs
from utils.progress import Progress
from utils.rates import RATE

log = logging.getLogger(__name__)


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
        DataError: There is no pair, or nothing that can be learnt from; `--out` holds what is not ours.
        ConfigError: `--out` is, or holds, what is read.
    """
    refuse_folder_of_inputs(args.out, [args.pairs], "--out")
    PAIRS.refuse_strangers(args.out, "--out")
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
