"""Write clips one by one, then shard by shard; what is there already is kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data_gen.clips.in_step import late_rows
from data_gen.clips.shards import DIGITS, EXTRAS, ClipIndex, ClipInfo, ClipShards
from data_gen.ear import ears_of
from data_gen.shard_writer import ShardWriter
from data_gen.video.outliers import refuse_not_finite
from utils.errors import DataError
from utils.files.array_file import ArrayFile
from utils.files.arrays import load_arrays, save_arrays, write_arrays_in_turn
from utils.files.aside import clear_after_killed, write_aside
from utils.files.digests import fingerprint
from utils.files.ownership import keep_only
from utils.files.tables import read_json, write_json
from utils.sound.speech_level import SOUND_LEVEL

log = logging.getLogger(__name__)
VAL_EVERY = 100
"""Every so-manyth clip is for validation."""


class ClipShardWriter(ShardWriter):
    """Write clips one by one, then shard by shard; what is already there, made of the same files, is kept.

    Args:
        path: Folder to fill.
        audio_features: Width of every audio feature the clips carry.
    """

    stem = "clips"

    def __init__(
        self, path: Path, audio_features: Mapping[str, int], *, landmark_source: str = "", licence: str = ""
    ) -> None:
        super().__init__(path)
        self.audio_features = dict(audio_features)
        self.landmark_source, self.licence = landmark_source, licence

    def has_part(self, digest: str) -> bool:
        """Tell whether the clip with this digest is made, or refused, and waits for its shard."""
        return any(self._part(digest, suffix).is_file() for suffix in (".safetensors", ".json"))

    def write_part(self, digest: str, result: Mapping[str, NDArray[np.generic]] | str) -> None:
        """Keep a finished clip, or the reason why it was refused, until its shard is written.

        Args:
            digest: Of what the clip was made of.
            result: landmarks (T, 68, 3), pitch_hz (2T,) and each audio feature (2T, C), all float32; or the reason.

        Raises:
            DataError: A feature is missing, has other than two rows a frame, or an array holds numbers that are none.
        """
        if isinstance(result, str):
            write_json(self._part(digest, ".json"), {"skipped": result})
            return
        frames = len(result["landmarks"])
        for feature in [*self.audio_features, "pitch_hz"]:
            if feature not in result or len(result[feature]) != 2 * frames:
                raise DataError(f"clip {digest}: {feature} wants {2 * frames} rows for {frames} frames")
        wanted = ["landmarks", *self.audio_features, "pitch_hz"]
        refuse_not_finite({key: result[key] for key in wanted}, f"clip {digest}")
        wanted += [key for key in EXTRAS if key in result]
        save_arrays(self._part(digest, ".safetensors"), {key: result[key] for key in wanted})

    def salvage(self, wanted: set[str], kept: set[int]) -> None:
        """Take what is `wanted` (digests) out of shards that no longer fit (all but `kept`), so it is not made again.

        A corpus of which some videos were added, changed or removed is divided into shards anew.
        """
        for file in sorted(self.path.glob("clips-*.json")):
            if not (match := re.fullmatch(r"clips-(\d{5})\.json", file.name)):
                continue
            number = int(match[1])
            notes = self.read_notes(number)
            missing = {name: d for name, d in notes.get("digests", {}).items() if d in wanted and not self.has_part(d)}
            if number in kept or not missing or not self.shard(number).is_file():
                continue
            try:
                arrays = load_arrays(self.shard(number))
            except DataError as error:
                log.warning("%s Its clips are made again.", error)
                continue
            keys = {entry["id"]: entry["key"] for entry in notes["clips"]}
            for name, digest in missing.items():
                prefix = f"{keys[name]}/" if name in keys else ""
                part = {key.removeprefix(prefix): a for key, a in arrays.items() if prefix and key.startswith(prefix)}
                self.write_part(digest, part or notes["skipped"][name])

    def write(self, number: int, clips: Sequence[tuple[str, str, str]], *, recipe: str, first: int = 0) -> None:
        """Write shard `number` from the parts of `clips` and delete these; one clip is in memory at a time.

        Args:
            clips: (id, speaker, digest) of every clip of the shard, also of those that were refused.
            recipe: Digest that `has` will compare.
            first: Number of the shard's first clip in the whole corpus; every hundredth clip is for validation.
        """
        infos: list[dict[str, Any]] = []
        skipped: dict[str, str] = {}
        used: list[str] = []
        curves: dict[str, list[float]] = {}
        for order, (name, speaker, digest) in enumerate(clips):
            refused = self._part(digest, ".json")
            if refused.is_file():
                skipped[name] = read_json(refused)["skipped"]
                continue
            frames, extras = _frames_and_extras(self._part(digest, ".safetensors"))
            split: Literal["train", "val"] = "val" if (first + order) % VAL_EVERY == VAL_EVERY - 1 else "train"
            key, shard = str(len(used)), self.shard(number).name
            cuts, note = extras.get("cuts", np.zeros(0)).tolist(), extras.get("note", np.zeros(0, np.uint8)).tobytes()
            info = ClipInfo(
                id=name, speaker=speaker, shard=shard, key=key, frames=frames, split=split, cuts=cuts,
                note=note.decode("utf-8", "replace"),
            )  # fmt: skip
            if "sync" in extras:
                curves[name] = [round(float(value), 4) for value in extras["sync"]]
            infos.append(info.model_dump())
            used.append(digest)
        with write_aside(self.shard(number)) as aside:
            arrays = (
                (f"{order}/{name}", array)
                for order, digest in enumerate(used)
                for name, array in load_arrays(self._part(digest, ".safetensors")).items()
            )
            write_arrays_in_turn(aside, arrays)
            for file in self.outdated(number):
                file.unlink(missing_ok=True)  # from here on, a run that is killed must not be believed
        digests = {name: digest for name, _, digest in clips}
        notes = {"recipe": recipe, "clips": infos, "skipped": skipped, "digests": digests, "sync": curves}
        write_json(self.notes(number), notes)
        for digest in digests.values():
            for suffix in (".safetensors", ".json"):
                self._part(digest, suffix).unlink(missing_ok=True)

    def finish(self, shards: int, refused: Mapping[str, str] | None = None) -> ClipShards:
        """Join the shards' notes into the index and open the folder; `refused`: videos not even opened -> why.

        With fewer than a hundred clips, the last tenth of them (at least one, when there are two) is for validation.
        """
        clips: list[ClipInfo] = []
        skipped: dict[str, str] = dict(refused or {})
        recipes: list[str] = []
        curves: dict[str, list[float]] = {}
        for notes in self.all_notes(shards):
            clips += [ClipInfo.model_validate(entry) for entry in notes["clips"]]
            skipped |= notes["skipped"]
            recipes.append(notes["recipe"])
            curves |= notes.get("sync", {})
        if not clips:
            self.refuse_nothing("not one clip", skipped)
        late = late_rows(clips, curves)
        clips = [clip.model_copy(update={"late_rows": late[clip.id]}) for clip in clips]
        if len(clips) > 1 and not any(clip.split == "val" for clip in clips):
            held_out = max(1, len(clips) // 10)
            clips[-held_out:] = [clip.model_copy(update={"split": "val"}) for clip in clips[-held_out:]]
        index = ClipIndex(
            audio_features=self.audio_features, ears=ears_of(self.audio_features),
            landmark_source=self.landmark_source, licence=self.licence, sound_level=SOUND_LEVEL,
            clips=clips, skipped=skipped, fingerprint=fingerprint([clip.model_dump() for clip in clips], recipes),
        )  # fmt: skip
        self.close(shards, index)
        parts = self.path / "parts"
        if parts.is_dir():
            clear_after_killed(parts, held=True)
            keep_only(parts, rf"[0-9a-f]{{{DIGITS}}}\.(safetensors|json)", ())
            with suppress(OSError):  # what is not ours stays
                parts.rmdir()
        return ClipShards(self.path)

    def _part(self, digest: str, suffix: str) -> Path:
        return self.path / "parts" / f"{digest}{suffix}"


def _frames_and_extras(file: Path) -> tuple[int, dict[str, NDArray[np.generic]]]:
    """Return how many frames a part holds, and what else is said of it, without reading the rest."""
    with closing(ArrayFile(file, "Delete it and run the command again.")) as opened:
        extras = {name: opened.rows(name) for name in EXTRAS if name in opened.names}
        return opened.shape("landmarks")[0], extras
