"""Many short clips of many speakers on disk: safetensors shards of some 500 clips and an index, read lazily.

    data/binary/lrs3/
      index.json                 every clip: id, speaker, shard, frames, split
      clips-00000.safetensors    "<n>/landmarks" (T, 68, 3), "<n>/mel" (2T, 80), "<n>/pitch_hz" (2T,), ...
      clips-00000.json           what that shard holds and what was refused, so that making it can be resumed
      parts/                     clips that are made but not yet in a shard; gone when the corpus is whole

Opening a folder reads the index alone; a window of a clip reads only its own rows of the shard.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from utils.arrays import Floats
from utils.errors import DataError
from utils.files.array_file import ShardFolder
from utils.files.tables import read_checked

log = logging.getLogger(__name__)
EXTRAS = ("cuts", "sync", "note")
"""What else may be known of a clip: the first frames after its cuts, the correlation of lips and sound at each offset
(`data_gen.video.sync_offset`), and what of the video was left out (UTF-8)."""
DIGITS = 32
"""Of the digest by which a clip that waits for its shard is called."""


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
    cuts: list[int] = []
    """First frame of every new shot; nothing reaches across one."""
    late_rows: int = 0
    """By how many rows of 20 ms the sound was found to be late; `ClipShards.read` puts it right."""
    note: str = ""
    """What of the video was left out, and why."""

    def shots(self) -> list[tuple[int, int]]:
        """List the [start, stop) runs of frames within one shot whose sound is there."""
        low, high = max(0, (1 - self.late_rows) // 2), self.frames - max(0, (self.late_rows + 1) // 2)
        edges = sorted({low, high, *(cut for cut in self.cuts if low < cut < high)})
        return [(start, stop) for start, stop in itertools.pairwise(edges) if stop > start]


class ClipIndex(BaseModel):
    """What `index.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vizeme-clips"] = "vizeme-clips"
    version: int = 1
    audio_features: dict[str, int]
    """Width of every audio feature."""
    ears: dict[str, str] = {}
    """Which ear heard a feature that needs one (`data_gen.ear.ears_of`)."""
    landmark_source: str = ""
    sound_level: str = ""
    """How the sound was levelled before features were made of it (`utils.sound.speech_level`); empty: not at all."""
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
        self._shards = ShardFolder(self.path, "Make the clips again.")
        self.index = _read_index(self.path)

    def read(self, clip: ClipInfo, name: str, start: int, stop: int) -> Floats:
        """Read rows [start, stop) of one array (rows, ...) of a clip, float32; of sound, those in step with the lips.

        Raises:
            DataError: The shard is missing or damaged, or the array is of another type.
        """
        late = 0 if name == "landmarks" else clip.late_rows
        values = self._shards[clip.shard].rows(f"{clip.key}/{name}", start + late, stop + late)
        if values.dtype != np.float32:
            raise DataError(f"{self.path / clip.shard}: {clip.key}/{name} is not float32. Make the clips again.")
        return values


def _read_index(path: Path) -> ClipIndex:
    file = path / "index.json"
    missing = (
        f"No clips at {path}. Make them with: python data_gen/run.py clips --out {path} --videos <folder of videos>"
    )
    return read_checked(file, ClipIndex, missing=missing, again="Make the clips again.")
