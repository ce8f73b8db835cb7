"""Fill a folder shard by shard: numbered safetensors files, notes beside each, and an index when all are there.

    <folder>/index.json                 what the folder holds; there only while it is whole
    <folder>/<stem>-00000.safetensors   arrays
    <folder>/<stem>-00000.json          the shard's notes: the digest of what it was made of, what it holds, what was
                                        refused
"""

from __future__ import annotations

import json
from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from pydantic import BaseModel

from utils.errors import DataError
from utils.files.aside import clear_after_killed, make_folder
from utils.files.ownership import keep_only
from utils.files.tables import write_json


class ShardWriter(ABC):
    """Keep what is there already, made of the same files; write the rest, shard by shard.

    Args:
        path: Folder to fill.
    """

    stem: ClassVar[str]
    """How the shards' files are called."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        make_folder(self.path)

    def shard(self, number: int) -> Path:
        """Return where the arrays of shard `number` go."""
        return self.path / f"{self.stem}-{number:05d}.safetensors"

    def notes(self, number: int) -> Path:
        """Return where the notes of shard `number` go."""
        return self.path / f"{self.stem}-{number:05d}.json"

    def outdated(self, number: int) -> tuple[Path, Path]:
        """Return what is no longer true, and so deleted, when shard `number` is written anew."""
        return self.path / "index.json", self.notes(number)

    def has(self, number: int, recipe: str) -> bool:
        """Tell whether shard `number` was already made from `recipe` (a digest of its inputs and settings)."""
        notes = self.read_notes(number)
        return notes.get("recipe") == recipe and (self.shard(number).is_file() or self.is_empty(notes))

    def is_empty(self, notes: Mapping[str, Any]) -> bool:
        """Tell whether nothing of a shard could be used and it has notes only."""
        return False

    def read_notes(self, number: int) -> dict[str, Any]:
        """Read the notes of shard `number`; empty when they are missing or damaged."""
        try:
            notes = json.loads(self.notes(number).read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return notes if isinstance(notes, dict) else {}

    def all_notes(self, shards: int) -> list[dict[str, Any]]:
        """Read the notes of all shards, each of which must have been written."""
        return [json.loads(self.notes(number).read_text()) for number in range(shards)]

    def refuse_nothing(self, what: str, skipped: Mapping[str, str]) -> NoReturn:
        """Raise `DataError`: nothing could be used, with the first three reasons."""
        reasons = "; ".join(f"{file}: {why}" for file, why in list(skipped.items())[:3])
        raise DataError(f"{self.path}: {what} could be used. {reasons}")

    def close(self, shards: int, index: BaseModel) -> None:
        """Write the index, and delete the shards of ours that it does not name and what a killed run left."""
        write_json(self.path / "index.json", index.model_dump(mode="json"))
        kept = {file.name for number in range(shards) for file in (self.shard(number), self.notes(number))}
        keep_only(self.path, rf"{self.stem}-\d{{5}}\.(safetensors|json)", kept)
        clear_after_killed(self.path, held=True)
