"""Many short clips of many speakers on disk: safetensors shards of some 500 clips and an index, read lazily.

    data/binary/lrs3/
      index.json                 every clip: id, speaker, shard, frames, split
      clips-00000.safetensors    "<n>/landmarks" (T, 68, 3), "<n>/mel" (2T, 80), "<n>/pitch_hz" (2T,), ...
      clips-00000.json           what that shard holds and what was refused, so that making it can be resumed

Opening a folder reads the index alone; a window of a clip reads only its own rows from the mapped shard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from utils.errors import DataError
from utils.files import fingerprint, make_folder, read_checked, write_aside, write_json

Floats = NDArray[np.float32]
CLIPS_PER_SHARD = 500
VAL_EVERY = 100
"""Every so-manyth clip is for validation."""


class ClipInfo(BaseModel):
    """One clip of the index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    speaker: str
    shard: str
    """File name of the shard."""
    key: str
    """Prefix of the clip's arrays in the shard."""
    frames: int = Field(ge=1)
    split: Literal["train", "val"] = "train"


class ClipIndex(BaseModel):
    """What `index.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-clips"] = "vizeme-clips"
    version: int = 1
    audio_features: dict[str, int]
    """Width of every audio feature."""
    landmark_source: str = ""
    licence: str = ""
    clips: list[ClipInfo]
    skipped: dict[str, str] = {}
    """File -> why it was refused."""
    fingerprint: str = ""


class ClipShards:
    """Read a folder of clip shards.

    Args:
        path: Folder with `index.json`.

    Raises:
        DataError: It is not there, or its index cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.index = _read_index(self.path)
        self._open: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def read(self, clip: ClipInfo, name: str, start: int, stop: int) -> Floats:
        """Read rows [start, stop) of one array of a clip, float32."""
        from safetensors import SafetensorError, safe_open

        try:
            if clip.shard not in self._open:
                self._open[clip.shard] = safe_open(self.path / clip.shard, framework="np")
            rows = self._open[clip.shard].get_slice(f"{clip.key}/{name}")[start:stop]
        except (OSError, SafetensorError) as error:
            where = f"{self.path / clip.shard}: clip {clip.id}, {name}"
            raise DataError(f"{where}: {error}. Make the shard again.") from None
        return np.asarray(rows, dtype=np.float32)


class ClipShardWriter:
    """Write clips shard by shard; a shard that is already there, made of the same files, is kept.

    Args:
        path: Folder to fill.
        audio_features: Width of every audio feature the clips carry.
    """

    def __init__(
        self, path: Path, audio_features: Mapping[str, int], *, landmark_source: str = "", licence: str = ""
    ) -> None:
        self.path = Path(path)
        make_folder(self.path)
        self.audio_features = dict(audio_features)
        self.landmark_source, self.licence = landmark_source, licence

    def has(self, number: int, recipe: str) -> bool:
        """Tell whether shard `number` was already made from `recipe` (a digest of its inputs and settings)."""
        notes = self._notes(number)
        if not notes.is_file() or not self._shard(number).is_file():
            return False
        try:
            return json.loads(notes.read_text())["recipe"] == recipe
        except (OSError, ValueError, KeyError):
            return False

    def write(
        self,
        number: int,
        clips: Iterable[tuple[str, str, Mapping[str, NDArray[np.generic]]]],
        *,
        recipe: str = "",
        skipped: Mapping[str, str] | None = None,
        first: int = 0,
    ) -> None:
        """Write shard `number` from (id, speaker, arrays) triples.

        Args:
            clips: `arrays` holds `landmarks` (T, 68, 3), every audio feature (2T, C) and `pitch_hz` (2T,).
            recipe: Digest that `has` will compare.
            skipped: Files refused while making this shard -> why; read after `clips` is exhausted.
            first: Number of the shard's first clip in the whole corpus; every hundredth clip is for validation.

        Raises:
            DataError: Lengths disagree, or an array is missing.
        """
        from safetensors.numpy import save_file

        arrays: dict[str, NDArray[np.generic]] = {}
        infos: list[dict[str, Any]] = []
        for order, (name, speaker, values) in enumerate(clips):
            frames = len(values["landmarks"])
            for feature in [*self.audio_features, "pitch_hz"]:
                if feature not in values or len(values[feature]) != 2 * frames:
                    raise DataError(f"clip {name}: {feature} wants {2 * frames} rows for {frames} frames")
            wanted = ["landmarks", *self.audio_features, "pitch_hz"]
            arrays |= {f"{order}/{key}": np.ascontiguousarray(values[key]) for key in wanted}
            split: Literal["train", "val"] = "val" if (first + order) % VAL_EVERY == VAL_EVERY - 1 else "train"
            info = ClipInfo(
                id=name, speaker=speaker, shard=self._shard(number).name, key=str(order), frames=frames, split=split
            )
            infos.append(info.model_dump())
        self._notes(number).unlink(missing_ok=True)  # a run killed between the two files must not be believed
        with write_aside(self._shard(number)) as aside:
            save_file(arrays, aside)
        write_json(self._notes(number), {"recipe": recipe, "clips": infos, "skipped": dict(skipped or {})})

    def finish(self, shards: int) -> ClipShards:
        """Join the shards' notes into the index and open the folder.

        With fewer than a hundred clips, the last tenth of them (at least one, when there are two) is for validation.
        """
        clips: list[ClipInfo] = []
        skipped: dict[str, str] = {}
        recipes: list[str] = []
        for number in range(shards):
            notes = json.loads(self._notes(number).read_text())
            clips += [ClipInfo.model_validate(entry) for entry in notes["clips"]]
            skipped |= notes["skipped"]
            recipes.append(notes["recipe"])
        if not clips:
            reasons = "; ".join(f"{file}: {why}" for file, why in list(skipped.items())[:3])
            raise DataError(f"{self.path}: not one clip could be used. {reasons}")
        if len(clips) > 1 and not any(clip.split == "val" for clip in clips):
            held_out = max(1, len(clips) // 10)
            clips[-held_out:] = [clip.model_copy(update={"split": "val"}) for clip in clips[-held_out:]]
        index = ClipIndex(
            audio_features=self.audio_features, landmark_source=self.landmark_source, licence=self.licence,
            clips=clips, skipped=skipped, fingerprint=fingerprint([clip.model_dump() for clip in clips], recipes),
        )  # fmt: skip
        write_json(self.path / "index.json", index.model_dump(mode="json"))
        return ClipShards(self.path)

    def _shard(self, number: int) -> Path:
        return self.path / f"clips-{number:05d}.safetensors"

    def _notes(self, number: int) -> Path:
        return self.path / f"clips-{number:05d}.json"


def _read_index(path: Path) -> ClipIndex:
    file = path / "index.json"
    missing = (
        f"No clips at {path}. Make them with: python data_gen/run.py clips --out {path} --videos <folder of videos>"
    )
    return read_checked(file, ClipIndex, missing=missing, again="Make the clips again.")
