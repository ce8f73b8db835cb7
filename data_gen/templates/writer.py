"""Write pairs of face and template shard by shard; what is there already is kept."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.shard_writer import ShardWriter
from data_gen.templates.shards import ShardInfo, Split, TemplateIndex, TemplateShards
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId
from utils.files.arrays import save_arrays
from utils.files.digests import fingerprint
from utils.files.tables import write_json


class TemplateShardWriter(ShardWriter):
    """Write shard by shard; one that is there already, made of the same photos and recogniser, is kept."""

    stem = "faces"

    def __init__(self, path: str | Path, recogniser: RecogniserId, *, licence: str = "") -> None:
        super().__init__(path)
        self.recogniser, self.licence = recogniser, licence

    def is_empty(self, notes: Mapping[str, Any]) -> bool:
        """Tell whether not one photo of a shard could be used."""
        return "files" in notes and not notes["files"]

    def write(
        self,
        number: int,
        pairs: Iterable[tuple[str, int, bytes, NDArray[np.float32]]],
        *,
        split: Split,
        recipe: str = "",
        skipped: Mapping[str, str] | None = None,
    ) -> int:
        """Write pairs as shard `number`; return how many. `skipped` (file -> why) is read last.

        Args:
            pairs: (file, identity, JPEG, template (D,) as the recogniser gave it) of every usable photo.

        Raises:
            DataError: A template holds numbers that are none; what was there before stays.
        """
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
            save_arrays(self.shard(number), arrays, outdated=self.outdated(number))
        notes = {
            "recipe": recipe, "split": split, "files": files, "identities": len(set(identities)),
            "skipped": dict(skipped or {}),
        }  # fmt: skip
        write_json(self.notes(number), notes)
        return len(files)

    def finish(self, shards: int) -> TemplateShards:
        """Join the shards' notes into the index and open the folder.

        Raises:
            DataError: Not one photo could be used.
        """
        infos: list[ShardInfo] = []
        skipped: dict[str, str] = {}
        digests: list[str] = []
        for number, notes in enumerate(self.all_notes(shards)):
            skipped |= notes["skipped"]
            digests.append(notes["recipe"])
            if notes["files"]:
                infos.append(
                    ShardInfo(
                        file=self.shard(number).name, split=notes["split"], count=len(notes["files"]),
                        identities=notes["identities"],
                    )
                )  # fmt: skip
        if not infos:
            self.refuse_nothing("not one photo", skipped)
        index = TemplateIndex(
            recogniser=self.recogniser, licence=self.licence, shards=infos, skipped=len(skipped),
            fingerprint=fingerprint(self.recogniser.sha256, digests),
        )  # fmt: skip
        self.close(shards, index)
        return TemplateShards(self.path)
