"""Persons with their voices and faces on disk: safetensors shards and an index, read lazily.

    data/binary/face_voice/
      index.json                 every person: split, label, clips, faces, shard
      persons-00000.safetensors  "<n>/faces" (K, 224, 224, 3) uint8, "<n>/landmarks_px" (K, 68, 2) float32,
                                 "<n>/wav/<i>" (S,) int16 at 16 000/s and -23 dBFS
      persons-00000.json         what that shard holds and what was refused, so that making it can be resumed

Sound is kept as sound: 6 s are 190 kB, their spectrogram is 1.2 MB, and computing it costs a thousandth of a training
step. So one dataset serves every kind of spectrogram and the transformer's filter banks. Face features belong to a face
encoder and lie in a cache beside the data (see `tasks/speech_to_face/features.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from data_gen.face_voice.splits import Split
from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.files.array_file import ShardFolder
from utils.files.tables import read_checked
from utils.rates import RATE

Arrays = Mapping[str, NDArray[np.generic]]
Pairing = Literal["one_to_one", "all_to_one", "all_to_all", "mean"]
PERSONS_PER_SHARD = 50
MAKE = "python data_gen/run.py face_voice --out {path} --persons <folder with one folder a person>"


class PersonInfo(BaseModel):
    """One person of the index; a person whose files are split stands once for each split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    label: str = ""
    split: Split
    shard: str
    key: str
    """Prefix of the person's arrays in the shard."""
    clips: list[str]
    """Names of the sounds."""
    faces: list[str]
    """Names of the pictures."""


class FaceVoiceIndex(BaseModel):
    """What `index.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-face-voice"] = "vizeme-face-voice"
    version: int = 1
    licence: str = ""
    persons: list[PersonInfo]
    skipped: dict[str, str] = {}
    fingerprint: str = ""


class FaceVoiceDataset:
    """Read a folder of persons.

    Args:
        path: Folder with `index.json`.

    Raises:
        DataError: It is not there, or its index cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._shards = ShardFolder(self.path, "Delete it and make it again.")
        self.index = _read_index(self.path)
        self.persons = self.index.persons
        numbers: dict[str, int] = {}
        self.numbers = [numbers.setdefault(person.id, len(numbers)) for person in self.persons]
        """Number of each entry's person: the same for two entries of one person."""

    def entries(self, split: Split | Literal["all"], *, voices: bool = False) -> list[int]:
        """List the entries of a split that have faces (and voices, when asked)."""
        return [
            number
            for number, person in enumerate(self.persons)
            if split in (person.split, "all") and person.faces and (person.clips or not voices)
        ]

    def wav(self, entry: int, clip: int) -> Floats:
        """Read one sound, (S,) float32."""
        return self._rows(entry, f"wav/{clip}").astype(np.float32) / 32767

    def seconds(self, entry: int, clip: int) -> float:
        """Return how long a sound is, without reading it."""
        person = self.persons[entry]
        return self._shards[person.shard].shape(f"{person.key}/wav/{clip}")[0] / RATE

    def face(self, entry: int, face: int) -> Bytes:
        """Read one picture, (224, 224, 3) uint8."""
        return np.asarray(self._rows(entry, "faces", face, face + 1)[0])

    def faces(self, entry: int) -> Bytes:
        """Read all pictures of an entry, (K, 224, 224, 3) uint8."""
        return self._rows(entry, "faces")

    def landmarks_px(self, entry: int) -> Floats:
        """Read the landmarks of all pictures of an entry, (K, 68, 2)."""
        return np.asarray(self._rows(entry, "landmarks_px"), np.float32)

    def _rows(self, entry: int, name: str, start: int = 0, stop: int | None = None) -> Any:
        person = self.persons[entry]
        return self._shards[person.shard].rows(f"{person.key}/{name}", start, stop)


class VoicePair(NamedTuple):
    """A voice and the face it goes with; `face` None is the mean of the person's face features."""

    entry: int
    clip: int
    face: int | None


class Pairs:
    """Number the pairs of a split.

    Args:
        dataset: Whose.
        split: Which persons.
        pairing: `one_to_one` the first sound with the first picture and so on, `all_to_one` every sound with the first
            picture (by name), `all_to_all` every sound with every picture, `mean` every sound with the person's mean.

    Raises:
        DataError: There is no pair.
    """

    def __init__(self, dataset: FaceVoiceDataset, split: Split | Literal["all"], pairing: Pairing) -> None:
        self.dataset, self.pairing = dataset, pairing
        self.entries = dataset.entries(split, voices=True)
        self.ends = np.cumsum([self._count(dataset.persons[entry]) for entry in self.entries])
        if not self.entries:
            raise DataError(
                f"{dataset.path}: no {split} person with a voice and a face. Give more persons, or another split."
            )

    def _count(self, person: PersonInfo) -> int:
        clips, faces = len(person.clips), len(person.faces)
        return {"one_to_one": min(clips, faces), "all_to_all": clips * faces}.get(self.pairing, clips)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, number: int) -> VoicePair:
        if not 0 <= number < len(self):
            raise IndexError(number)
        place = int(np.searchsorted(self.ends, number, side="right"))
        entry = self.entries[place]
        inside = number - (int(self.ends[place - 1]) if place else 0)
        if self.pairing == "all_to_all":
            clip, face = divmod(inside, len(self.dataset.persons[entry].faces))
            return VoicePair(entry, clip, face)
        return VoicePair(entry, inside, {"one_to_one": inside, "all_to_one": 0}.get(self.pairing))


def _read_index(path: Path) -> FaceVoiceIndex:
    file = path / "index.json"
    missing = f"No persons at {path}. Make them with: {MAKE.format(path=path)}"
    return read_checked(file, FaceVoiceIndex, missing=missing, again="Make it again.")
