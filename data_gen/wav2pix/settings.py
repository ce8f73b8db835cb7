"""What may be typed after the command that pairs faces with voices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from utils.config.schema import Config


class PairsCommand(Config):
    """Pair faces with the voices they belong to, for wav2pix.

        python data_gen/run.py wav2pix --pairs data/raw/speakers --out data/binary/speakers

    `--pairs` is a folder of `<speaker>/<name>.wav` beside `<speaker>/<name>.jpg` (or .png), of `train/` and `val/` with
    such folders inside, or one with a `pairs.csv` of the columns split, speaker, image, wav. A speaker's folder may
    hold talking videos instead: a frame a second is taken with the sound around it. Without a split, the last tenth of
    each speaker's pairs is for validation. `--pairs` may be wav2pix's own config.yaml, too, with its pickled lists.
    """

    pairs: Path
    """folder of speakers' pictures and sounds, or videos; or wav2pix's config.yaml"""
    dataset: Path | None = None
    """where the files of a config.yaml's lists lie now, as <train or test>/<speaker>/<name>; beside it unless given"""
    out: Path
    """folder to fill, for example data/binary/speakers"""
    image_size: Annotated[int, Field(ge=8, le=1024)] = 128
    """side of the stored faces; training may shrink them"""
    seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """length of the sounds, 0.7 to 4; the middle is taken"""
    swapped: bool = False
    """the pictures have red and blue swapped, as the published set"""
    detector: str = "auto"
    """landmark detector for videos"""
    licence: str = ""
    """licence and consent of the data, kept with it"""
