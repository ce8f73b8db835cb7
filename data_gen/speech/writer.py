"""Write pieces of speech shard by shard; what is there already is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_gen.shard_writer import ShardWriter
from data_gen.speech.dataset import Piece, SpeechDataset, SpeechIndex, Split
from utils.arrays import Floats
from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.files.digests import fingerprint
from utils.files.tables import write_json
from utils.rates import SAMPLES_A_ROW


class HeardPiece(NamedTuple):
    """What the maker hands the writer: samples (320 T,), and rows (T, C) of the teacher."""

    sound: str
    speed: float
    split: Split
    wav: Floats
    rows: Floats


class SpeechWriter(ShardWriter):
    """Write pieces shard by shard; a shard that is already there, made of the same files, is kept.

    Args:
        path: Folder to fill.
        teacher: The feature that the rows are.
    """

    stem = "speech"

    def __init__(self, path: Path, teacher: str, *, licence: str = "") -> None:
        super().__init__(path)
        self.teacher, self.licence = teacher, licence

    def write(self, number: int, heard: Iterable[HeardPiece], *, recipe: str, skipped: Mapping[str, str]) -> None:
        """Write shard `number`; `skipped` (file -> why) is read when `heard` is exhausted."""
        arrays: dict[str, np.ndarray] = {}
        pieces = []
        total, square, count = np.zeros(0), np.zeros(0), 0
        for order, piece in enumerate(heard):
            if not np.isfinite(piece.rows).all() or np.abs(piece.rows).max() > np.finfo(np.float16).max:
                raise DataError(f"{piece.sound}: what {self.teacher} hears in it are no numbers. Leave the file out.")
            assert len(piece.wav) == SAMPLES_A_ROW * len(piece.rows)
            arrays[f"{order}/wav"] = np.round(np.clip(piece.wav, -1, 1) * 32767).astype(np.int16)
            arrays[f"{order}/rows"] = piece.rows.astype(np.float16)
            if piece.split == "train":
                rows = piece.rows.astype(np.float64)
                total, square = (a + b if len(a) else b for a, b in ((total, rows.sum(0)), (square, (rows**2).sum(0))))
                count += len(rows)
            pieces.append(
                Piece(
                    sound=piece.sound, speed=piece.speed, split=piece.split, rows=len(piece.rows),
                    shard=self.shard(number).name, key=str(order),
                ).model_dump()
            )  # fmt: skip
        save_arrays(self.shard(number), arrays, outdated=self.outdated(number))
        sums = {"total": total.tolist(), "square": square.tolist(), "count": count}
        write_json(self.notes(number), {"recipe": recipe, "pieces": pieces, "sums": sums, "skipped": dict(skipped)})

    def finish(self, shards: int) -> SpeechDataset:
        """Join the shards' notes into the index and open the folder.

        Raises:
            DataError: No sound could be used, or none to train on.
        """
        notes = self.all_notes(shards)
        pieces = [Piece.model_validate(entry) for note in notes for entry in note["pieces"]]
        skipped = {file: why for note in notes for file, why in note["skipped"].items()}
        sums = [note["sums"] for note in notes if note["sums"]["count"]]
        if not sums:
            self.refuse_nothing("no sound to train on", skipped)
        count = sum(part["count"] for part in sums)
        mean = np.sum([part["total"] for part in sums], axis=0) / count
        std = np.sqrt(np.maximum(0, np.sum([part["square"] for part in sums], axis=0) / count - mean**2))
        index = SpeechIndex(
            teacher=self.teacher, licence=self.licence, mean=mean.tolist(), std=std.tolist(), pieces=pieces,
            skipped=skipped, fingerprint=fingerprint([piece.model_dump() for piece in pieces], mean.tolist()),
        )  # fmt: skip
        self.close(shards, index)
        return SpeechDataset(self.path)
