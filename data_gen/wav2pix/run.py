"""Pair faces with the voices they belong to, for wav2pix."""

from __future__ import annotations

import logging

from data_gen.wav2pix.pairs import PAIRS, Pair, Split, write_pairs
from data_gen.wav2pix.pickled import pickled_sources
from data_gen.wav2pix.settings import PairsCommand
from data_gen.wav2pix.sources import find_sources, read_source, share_out
from utils.errors import DataError
from utils.files.ownership import refuse_folder_of_inputs
from utils.progress import Progress
from utils.rates import RATE

log = logging.getLogger(__name__)


def main(args: PairsCommand) -> int:
    """Read every pair and write the folder; return 0.

    Raises:
        DataError: There is no pair, or nothing that can be learnt from; `--out` holds what is not ours.
        ConfigError: `--out` is, or holds, what is read.
    """
    refuse_folder_of_inputs(args.out, [args.pairs, *([args.dataset] if args.dataset else [])], "--out")
    PAIRS.refuse_strangers(args.out, "--out")
    samples = round(args.seconds * RATE)
    sources = pickled_sources(args.pairs, args.dataset) if args.pairs.is_file() else find_sources(args.pairs)
    by_split: dict[Split | None, list[Pair]] = {"train": [], "val": [], None: []}
    skipped: dict[str, str] = {}
    with Progress("pairs", len(sources)) as progress:
        for source in sources:
            try:
                read = list(read_source(source, samples, args))
                by_split[source.split] += read
                if not read:
                    skipped[str(source.picture)] = (
                        f"no whole second has a face and {args.seconds:g} s of sound around it"
                    )
            except DataError as error:
                skipped[str(source.picture)] = " ".join(str(error).split())
            progress.step()
    for file, why in skipped.items():
        log.warning("skipped %s: %s", file, why)
    if not any(by_split.values()):
        raise DataError(f"{args.pairs}: not one pair could be used. {next(iter(skipped.values()), '')}")
    share_out(by_split)
    pairs: dict[Split, list[Pair]] = {"train": by_split["train"], "val": by_split["val"]}
    dataset = write_pairs(args.out, pairs, licence=args.licence, skipped=skipped)
    print(
        f"{args.out}: {dataset.count('train')} pairs to train, {dataset.count('val')} to validate, of "
        f"{len(dataset.meta.speakers)} speakers; {len(skipped)} skipped"
    )
    return 0
