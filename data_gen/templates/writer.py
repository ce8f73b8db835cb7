"""Write pairs of face and template shard by shard; what is there already is kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.templates.shards import ShardInfo, Split, TemplateIndex, TemplateShards
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId
from utils.files.arrays import save_arrays
from utils.files.aside import clear_after_killed
from utils.files.digests import fingerprint
from utils.files.ownership import keep_only
from utils.files.tables import write_json


class TemplateShardWriter:
    """Write shard by shard; one that is there already, made of the same photos and recogniser, is kept."""

    def __init__(self, path: str | Path, recogniser: RecogniserId, *, licence: str = "") -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.recogniser, self.licence = recogniser, licence

    def file(self, number: int) -> Path:
        """Return where shard `number` goes."""
        return self.path / f"faces-{number:05d}.safetensors"

    def _notes_of(self, number: int) -> Path:
        return self.file(number).with_suffix(".json")

    def has(self, number: int, recipe: str) -> bool:
        """Tell whether shard `number` was made from `recipe`, a digest of its inputs."""
        notes = self._notes_of(number)
        try:
            known = json.loads(notes.read_text())
            return known["recipe"] == recipe and (self.file(number).is_file() or not known["files"])
        except (OSError, ValueError, KeyError):
            return False

    def write(
        self,
        number: int,
        pairs: Iterable[tuple[str, int, bytes, NDArray[np.float32]]],
        *,
        split: Split,
        recipe: str = "",
        skipped: Mapping[str, str] | None = None,
    ) -> int:
        """Write (file, identity, JPEG, template) pairs as shard `number`; return how many. `skipped` is read last."""
        files: list[str] = []
        identities: list[int] = []
        pictures: list[bytes] = []
        templates: list[NDArray[np.float32]] = []
        for file, identity, jpeg, template in pairs:
            if not np.isfinite(template).all():
                raise DataError(f"{file}: its template holds numbers that are none. Leave the photo out.")
            files.append(file)
            identities.append(identity)
            pictures.append(jpeg)
            templates.append(template)
        if files:
            arrays: dict[str, NDArray[Any]] = {
                "jpeg": np.frombuffer(b"".join(pictures), np.uint8),
                "offsets": np.cumsum([0, *(len(picture) for picture in pictures)]).astype(np.int64),
                "jpeg_crc32": np.array([zlib.crc32(picture) for picture in pictures], np.int64),
                "templates": np.stack(templates).astype(np.float32),
                "identity": np.array(identities, np.int32),
            }
            outdated = (self.path / "index.json", self._notes_of(number))
            save_arrays(self.file(number), arrays, outdated=outdated)
        notes = {
            "recipe": recipe, "split": split, "files": files, "identities": len(set(identities)),
            "skipped": dict(skipped or {}),
        }  # fmt: skip
        write_json(self._notes_of(number), notes)
        return len(files)

    def finish(self, shards: int) -> TemplateShards:
        """Join the shards' notes into the index and open the folder.

        Raises:
            DataError: Not one photo could be used.
        """
        infos: list[ShardInfo] = []
        skipped: dict[str, str] = {}
        digests: list[str] = []
        for number in range(shards):
            notes = json.loads(self._notes_of(number).read_text())
            skipped |= notes["skipped"]
            digests.append(notes["recipe"])
            if notes["files"]:
                infos.append(
                    ShardInfo(
                        file=self.file(number).name, split=notes["split"], count=len(notes["files"]),
                        identities=notes["identities"],
                    )
                )  # fmt: skip
        if not infos:
            reasons = "; ".join(f"{file}: {why}" for file, why in list(skipped.items())[:3])
            raise DataError(f"{self.path}: not one photo could be used. {reasons}")
        index = TemplateIndex(
            recogniser=self.recogniser, licence=self.licence, shards=infos, skipped=len(skipped),
            fingerprint=fingerprint(self.recogniser.sha256, digests),
        )  # fmt: skip
        write_json(self.path / "index.json", index.model_dump(mode="json"))
        kept = {name.name for number in range(shards) for name in (self.file(number), self._notes_of(number))}
        keep_only(self.path, r"faces-\d{5}\.(safetensors|json)", kept)
        clear_after_killed(self.path, held=True)
        return TemplateShards(self.path)
