"""Speech with what a large speech model hears in it, on disk: safetensors shards and an index, read lazily.

    data/binary/speech/
      index.json                 every piece: sound, speed, split, rows, shard; mean and spread of the rows' channels
      speech-00000.safetensors   "<n>/wav" (320 T,) int16 at 16 000/s, "<n>/rows" (T, C) float16 at 50/s
      speech-00000.json          what that shard holds and what was refused, so that making it can be resumed
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from utils.arrays import Floats
from utils.errors import DataError
from utils.files.array_file import ShardFolder
from utils.files.tables import read_checked
from utils.rates import SAMPLES_A_ROW

Split = Literal["train", "val"]


class Piece(BaseModel):
    """Half a minute of one sound, at one speed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sound: str
    speed: float
    split: Split
    rows: int
    shard: str
    key: str
    """Prefix of the piece's arrays in the shard."""


class SpeechIndex(BaseModel):
    """What `index.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-speech"] = "vizeme-speech"
    version: int = 1
    teacher: str
    """The feature that the rows are."""
    licence: str = ""
    mean: list[float]
    std: list[float]
    """Of each channel of the training rows."""
    pieces: list[Piece]
    skipped: dict[str, str] = {}
    fingerprint: str = ""


class SpeechWindow(NamedTuple):
    """A stretch of a piece: samples (320 T,) float32, rows (T, C) float32, and whose."""

    wav: Floats
    rows: Floats
    sound: str


class SpeechDataset:
    """Read a folder of speech.

    Args:
        path: Folder with `index.json`.

    Raises:
        DataError: It is not there, or its index cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._shards = ShardFolder(self.path, "Delete it and make it again.")
        missing = (
            f"No speech at {path}. Make it with: python data_gen/run.py speech --out {path} --sounds <folder of sounds>"
        )
        self.index = read_checked(self.path / "index.json", SpeechIndex, missing=missing, again="Make it again.")

    def pieces(self, split: Split, rows: int) -> list[Piece]:
        """List the pieces of a split that last for `rows` at least.

        Raises:
            DataError: There is none.
        """
        pieces = [piece for piece in self.index.pieces if piece.split == split and piece.rows >= rows]
        if not pieces:
            raise DataError(
                f"{self.path}: no {split} sound of {rows / 50:.1f} s. Give more sounds, or another --val share."
            )
        return pieces

    def window(self, piece: Piece, start: int, rows: int) -> SpeechWindow:
        """Read rows [start, start + rows) of a piece and the sound that they last."""
        shard, stop = self._shards[piece.shard], start + rows
        wav = shard.rows(f"{piece.key}/wav", start * SAMPLES_A_ROW, stop * SAMPLES_A_ROW)
        heard = shard.rows(f"{piece.key}/rows", start, stop)
        return SpeechWindow(wav.astype(np.float32) / np.float32(32767), np.asarray(heard, np.float32), piece.sound)
