"""Write persons shard by shard; what is there already is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.face_voice.dataset import FaceVoiceDataset, FaceVoiceIndex, PersonInfo
from data_gen.face_voice.splits import Split
from data_gen.shard_writer import ShardWriter
from utils.arrays import Bytes, Floats
from utils.errors import DataError
from utils.files.arrays import save_arrays
from utils.files.digests import fingerprint
from utils.files.tables import write_json


class FaceVoiceWriter(ShardWriter):
    """Write persons shard by shard; a shard that is already there, made of the same files, is kept.

    Args:
        path: Folder to fill.
    """

    stem = "persons"

    def __init__(self, path: Path, *, licence: str = "") -> None:
        super().__init__(path)
        self.licence = licence

    def write(
        self, number: int, persons: Iterable[MadePerson], *, recipe: str = "", skipped: Mapping[str, str] | None = None
    ) -> None:
        """Write shard `number`; `skipped` (file -> why) is read when `persons` is exhausted."""
        arrays: dict[str, NDArray[np.generic]] = {}
        infos = []
        for order, person in enumerate(persons):
            key = str(order)
            if person.faces:
                arrays[f"{key}/faces"] = np.stack([face for _, face, _ in person.faces])
                arrays[f"{key}/landmarks_px"] = np.stack([points for _, _, points in person.faces]).astype(np.float32)
            for clip, (sound, wav) in enumerate(person.clips):
                if not np.isfinite(wav).all():
                    raise DataError(f"{person.id}: {sound} holds numbers that are none. Leave the file out.")
                arrays[f"{key}/wav/{clip}"] = np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16)
            info = PersonInfo(
                id=person.id, label=person.label, split=person.split, shard=self.shard(number).name, key=key,
                clips=[name for name, _ in person.clips], faces=[name for name, _, _ in person.faces],
            )  # fmt: skip
            infos.append(info.model_dump())
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                whose = infos[int(name.split("/")[0])]["id"]
                raise DataError(f"{whose}: {name} holds numbers that are none. Leave the person's files out.")
        save_arrays(self.shard(number), arrays, outdated=self.outdated(number))
        write_json(self.notes(number), {"recipe": recipe, "persons": infos, "skipped": dict(skipped or {})})

    def finish(self, shards: int) -> FaceVoiceDataset:
        """Join the shards' notes into the index and open the folder.

        Raises:
            DataError: Nobody could be used.
        """
        persons: list[PersonInfo] = []
        skipped: dict[str, str] = {}
        for notes in self.all_notes(shards):
            persons += [PersonInfo.model_validate(entry) for entry in notes["persons"]]
            skipped |= notes["skipped"]
        if not persons:
            self.refuse_nothing("nobody", skipped)
        index = FaceVoiceIndex(
            licence=self.licence, persons=persons, skipped=skipped,
            fingerprint=fingerprint([p.model_dump() for p in persons], [_size(self.shard(n)) for n in range(shards)]),
        )  # fmt: skip
        self.close(shards, index)
        return FaceVoiceDataset(self.path)


class MadePerson(NamedTuple):
    """What the maker hands the writer: clips (name, wav), faces (name, picture, landmarks_px)."""

    id: str
    label: str
    split: Split
    clips: list[tuple[str, Floats]]
    faces: list[tuple[str, Bytes, Floats]]


def _size(path: Path) -> int:
    return path.stat().st_size
