"""Faces and the sound of who they belong to, on disk as arrays that are read lazily.

data/binary/speakers/
  meta.json                          speakers (sorted: their place is the class), sizes, counts, fingerprint
  train_faces.npy, val_faces.npy     (N, S, S, 3) u8, RGB
  train_wavs.npy,  val_wavs.npy      (N, samples) i16, 16 000 a second
  train_labels.npy, val_labels.npy   (N,) i64
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from utils.errors import DataError
from utils.files.array_file import crc32
from utils.files.aside import write_aside
from utils.files.digests import fingerprint, refuse_changed, stamp
from utils.files.ownership import Made
from utils.files.tables import read_checked
from utils.rates import RATE

Split = Literal["train", "val"]
EMPHASIS = 0.95


ARRAYS = tuple(f"{split}_{name}" for split in ("train", "val") for name in ("faces", "wavs", "labels"))
PAIRS = Made(
    frozenset((*(f"{name}.npy" for name in ARRAYS), "meta.json")), marker="meta.json", says=("format", "vizeme-wav2pix")
)
"""How a folder of pairs is known to be one."""


class PairsMeta(BaseModel):
    """What `meta.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-wav2pix"] = "vizeme-wav2pix"
    version: int = 1
    speakers: list[str]
    image_size: int = Field(ge=1)
    samples: int = Field(ge=1)
    counts: dict[Split, int]
    licence: str = ""
    skipped: dict[str, str] = {}
    """File -> why it was refused."""
    digests: dict[str, str] = {}
    """Array -> its checksum (CRC-32)."""
    fingerprint: str = ""


class Pair(NamedTuple):
    """A face (S, S, 3) RGB uint8 and a sound (samples,) int16 of the same speaker."""

    face: NDArray[np.uint8]
    wav: NDArray[np.int16]
    speaker: str


class FaceVoicePairs:
    """Read a folder of pairs.

    Args:
        path: Folder with `meta.json`.

    Raises:
        DataError: It is not there, or cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stamp = stamp(self.path / "meta.json")
        self.meta = _read_meta(self.path)
        self._arrays: dict[str, NDArray[Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_arrays": {}}

    def count(self, split: Split) -> int:
        """Return how many pairs a split has."""
        return self.meta.counts.get(split, 0)

    def faces(self, split: Split) -> NDArray[np.uint8]:
        """Return the faces of a split, (N, S, S, 3), mapped."""
        side = self.meta.image_size
        return self._array(split, "faces", (side, side, 3), np.uint8)

    def wavs(self, split: Split) -> NDArray[np.int16]:
        """Return the sounds of a split, (N, samples), mapped."""
        return self._array(split, "wavs", (self.meta.samples,), np.int16)

    def labels(self, split: Split) -> NDArray[np.int64]:
        """Return the classes of a split, (N,).

        Raises:
            DataError: They name speakers that are not there.
        """
        labels = self._array(split, "labels", (), np.int64)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.meta.speakers):
            raise DataError(f"{self.path}: labels of speakers that meta.json does not name. Make the pairs again.")
        return labels

    def _array(self, split: Split, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        """Map an array and, the first time, compare it with what the index says of it: shape, type and checksum."""
        key = f"{split}_{name}"
        if key not in self._arrays:
            refuse_changed(self.path / "meta.json", self._stamp)
            file = self.path / f"{key}.npy"
            try:
                array = np.lib.format.open_memmap(file, mode="r")
            except Exception as error:  # numpy refuses a damaged header in many ways
                reason = getattr(error, "strerror", "") or "it is damaged"
                raise DataError(f"{file}: {reason}. Make the pairs again.") from None
            whole = (self.meta.counts.get(split, 0), *shape)
            if array.shape != whole or array.dtype != dtype:
                raise DataError(f"{file} holds {array.shape}, but meta.json says {whole}. Make the pairs again.")
            if self.meta.digests and self.meta.digests.get(key) != crc32(key, array):
                raise DataError(f"{file} is damaged: its numbers are not those written. Make the pairs again.")
            self._arrays[key] = array
        return self._arrays[key]


def write_pairs(
    path: Path, pairs: dict[Split, list[Pair]], *, licence: str = "", skipped: dict[str, str] | None = None
) -> FaceVoicePairs:
    """Write pairs of equal sizes as one folder, aside and renamed.

    Raises:
        DataError: There are fewer than two speakers in training, or a speaker of val is not in train.
    """
    speakers = sorted({pair.speaker for pair in pairs["train"]})
    if len(speakers) < 2:
        raise DataError("A face is judged against the voice of another speaker: give at least two.")
    if strange := {pair.speaker for pair in pairs["val"]} - set(speakers):
        raise DataError(f"{sorted(strange)[0]} is for validation but not in training; this task draws known speakers.")
    if not pairs["val"]:
        raise DataError("Nothing is left to validate on: give more pairs of each speaker.")
    first = pairs["train"][0]
    with write_aside(path, PAIRS) as aside:
        aside.mkdir()
        digests: dict[str, str] = {}
        for split, own in pairs.items():
            arrays: dict[str, NDArray[Any]] = {
                "faces": np.stack([pair.face for pair in own]),
                "wavs": np.stack([pair.wav for pair in own]),
                "labels": np.array([speakers.index(pair.speaker) for pair in own], np.int64),
            }
            for name, array in arrays.items():
                np.save(aside / f"{split}_{name}.npy", array)
                digests[f"{split}_{name}"] = crc32(f"{split}_{name}", array)
        meta = PairsMeta(
            speakers=speakers, image_size=first.face.shape[0], samples=len(first.wav), licence=licence,
            counts={split: len(own) for split, own in pairs.items()}, skipped=skipped or {},
            digests=digests, fingerprint=fingerprint(speakers, digests),
        )  # fmt: skip
        (aside / "meta.json").write_text(meta.model_dump_json(indent=2))
    return FaceVoicePairs(path)


def hear(wavs: NDArray[np.int16], how: Literal["float", "integer"] = "float") -> NDArray[np.float32]:
    """Return sounds (N, samples) as the network hears them: over their peak, then pre-emphasised.

    `integer` rounds down after dividing, as the published Python 2 code did; its checkpoints want it.

    Raises:
        DataError: A sound is silent.
    """
    peak = np.abs(wavs.astype(np.int32)).max(axis=1, keepdims=True)
    if (peak == 0).any():
        raise DataError("A sound is silent (all zeros).")
    loud = wavs.astype(np.int32) // peak if how == "integer" else wavs / peak
    loud = loud.astype(np.float32)
    return np.concatenate([loud[:, :1], loud[:, 1:] - EMPHASIS * loud[:, :-1]], axis=1).astype(np.float32)


def middle(wav: NDArray[np.floating[Any]], samples: int) -> NDArray[np.int16]:
    """Return the middle of a sound in [-1, 1] as (samples,) int16.

    Raises:
        DataError: It is too short.
    """
    if len(wav) < samples:
        raise DataError(f"it lasts {len(wav) / RATE:.2f} s; {samples / RATE:.2f} s are needed")
    start = (len(wav) - samples) // 2
    return np.round(wav[start : start + samples] * 32768).clip(-32768, 32767).astype(np.int16)


def _read_meta(path: Path) -> PairsMeta:
    file = path / "meta.json"
    missing = f"No pairs at {path}. Make them with: python data_gen/run.py wav2pix --pairs <folder> --out {path}"
    return read_checked(file, PairsMeta, missing=missing, again="Make the pairs again.")
