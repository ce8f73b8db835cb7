"""Faces and their templates on disk: safetensors shards and a small index, read lazily.

    data/binary/lfw/
      index.json                 which recogniser (name, SHA-256), how many of each split a shard holds
      faces-00000.safetensors    "jpeg" (bytes,) u8, "offsets" (n + 1,) and "jpeg_crc32" (n,) i64,
                                 "templates" (n, D) f32, "identity" (n,) i32
      faces-00000.json           names of the shard's photos and identities, and what was refused

A shard is of one split. Opening a folder reads the index alone; a pair reads only its own bytes of the mapped shard,
so millions of pairs open at once. Templates are those of the crop as stored, not normalised.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from utils.errors import DataError
from utils.faces.recogniser import RecogniserId
from utils.files.array_file import ShardFolder
from utils.files.digests import inside
from utils.files.tables import read_checked, read_json

Split = Literal["train", "val"]
PER_SHARD = 10_000
QUALITY = 95


class ShardInfo(BaseModel):
    """One file of the index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    split: Split
    count: int = Field(ge=1)
    identities: int = Field(ge=1)
    """People who have a photo in it."""


class TemplateIndex(BaseModel):
    """What `index.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-templates"] = "vizeme-templates"
    version: int = 1
    recogniser: RecogniserId
    licence: str = ""
    shards: list[ShardInfo]
    skipped: int = 0
    """Photos that were refused; the shards' notes say which and why."""
    fingerprint: str = ""


class TemplatePair(NamedTuple):
    """A crop (112, 112, 3) RGB uint8, its template (D,) float32 as the recogniser gave it, and whose it is."""

    crop: NDArray[np.uint8]
    template: NDArray[np.float32]
    identity: int


class TemplateShards:
    """Read a folder of template shards.

    Args:
        path: Folder with `index.json`.

    Raises:
        DataError: It is not there, or its index cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._shards = ShardFolder(self.path, "Delete it and run the command that made it again.")
        self.index = _read_index(self.path)
        self._of = {s: [shard for shard in self.index.shards if shard.split == s] for s in ("train", "val")}
        self._ends = {s: np.cumsum([shard.count for shard in shards]) for s, shards in self._of.items()}

    @property
    def width(self) -> int:
        """Return the length of a template."""
        return self.index.recogniser.width

    def count(self, split: Split) -> int:
        """Return how many pairs a split has."""
        return int(self._ends[split][-1]) if len(self._ends[split]) else 0

    def read(self, split: Split, number: int) -> TemplatePair:
        """Read one pair."""
        shard, row = self._place(split, number)
        crop = decode(self._jpeg(shard, row))
        template = np.asarray(self._rows(shard, "templates", row, row + 1)[0], np.float32)
        return TemplatePair(crop, template, int(self._rows(shard, "identity", row, row + 1)[0]))

    def templates(
        self, split: Split, numbers: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return templates (N, D) of a split and whose they are (N,), without decoding a picture.

        Args:
            numbers: (N,) which ones, ascending; None takes all.
        """
        templates = self._column(split, "templates", numbers)
        whose = self._column(split, "identity", numbers)
        return templates.reshape(-1, self.width).astype(np.float32, copy=False), whose.astype(np.int32, copy=False)

    def identities(self, split: Split) -> NDArray[np.int32]:
        """Return whose every pair of a split is, (N,)."""
        return self._column(split, "identity", None).astype(np.int32, copy=False)

    def _column(self, split: Split, name: str, numbers: NDArray[np.int64] | None) -> NDArray[Any]:
        """Read the same array of every shard, or rows of it, one shard after the other."""
        parts, begin = [np.zeros(0, np.float32)], 0
        for shard in self._of[split]:
            rows: Any = slice(None)
            if numbers is not None:
                first, last = np.searchsorted(numbers, [begin, begin + shard.count])
                rows = numbers[first:last] - begin
            begin += shard.count
            if numbers is None or len(rows):
                parts.append(self._rows(shard, name, 0, shard.count)[rows])
        return np.concatenate(parts[1:] or parts)

    def name(self, split: Split, number: int) -> str:
        """Return the path of a photo within the folder it came from."""
        shard, row = self._place(split, number)
        notes = self._notes(shard)
        try:
            return str(read_json(notes)["files"][row])
        except (KeyError, IndexError, TypeError):
            raise DataError(f"{notes} does not name its photos. Make the templates again.") from None

    def _notes(self, shard: ShardInfo) -> Path:
        return inside(self.path, shard.file).with_suffix(".json")

    def _place(self, split: Split, number: int) -> tuple[ShardInfo, int]:
        ends = self._ends[split]
        order = int(np.searchsorted(ends, number, side="right"))
        return self._of[split][order], int(number - (ends[order - 1] if order else 0))

    def _rows(self, shard: ShardInfo, name: str, start: int, stop: int, *, check: bool = True) -> NDArray[Any]:
        rows = self._shards[shard.file].rows(name, start, stop, check=check)
        if len(rows) != stop - start:
            where = f"{self.path}: {shard.file}"
            raise DataError(f"{where} has fewer pairs than index.json says. Make the templates again.")
        return rows

    def _jpeg(self, shard: ShardInfo, row: int) -> bytes:
        """Read one JPEG and compare it with its own checksum, so that a pair reads no other's bytes."""
        start, stop = (int(at) for at in self._rows(shard, "offsets", row, row + 2))
        data = self._rows(shard, "jpeg", start, stop, check=False)
        if "jpeg_crc32" in self._shards[shard.file].names:
            if zlib.crc32(data.data) != int(self._rows(shard, "jpeg_crc32", row, row + 1)[0]):
                raise DataError(f"{self.path / shard.file} is damaged at picture {row}. Delete it and make it again.")
        return data.tobytes()


def encode(crop: NDArray[np.uint8]) -> bytes:
    """Return a crop (H, W, 3) uint8 RGB as JPEG, colours not thinned out."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(crop).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def decode(data: bytes) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) uint8 RGB of a JPEG."""
    from PIL import Image

    return np.array(Image.open(io.BytesIO(data), formats=("JPEG",)).convert("RGB"))


def _read_index(path: Path) -> TemplateIndex:
    file = path / "index.json"
    missing = f"No templates at {path}. Make them with: python data_gen/run.py templates --faces <folder> --out {path}"
    return read_checked(file, TemplateIndex, missing=missing, again="Make the templates again.")
