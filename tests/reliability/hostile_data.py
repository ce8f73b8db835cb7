"""Make a small dataset of every kind, and read all of it that training reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipShards
from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.templates.shards import TemplateShards, encode
from data_gen.templates.writer import TemplateShardWriter
from data_gen.video.dataset import PICTURES, VideoDataset
from data_gen.wav2pix.pairs import FaceVoicePairs, Pair, write_pairs
from tests.made import make_video_dataset
from tests.made_faces import draw_face
from tests.made_persons import make_persons
from tests.reliability.hostile import SEED
from utils.faces.recogniser import RecogniserId

LITTLE = RecogniserId(name="little", sha256="a" * 64, width=3)


def make_clips(folder: Path) -> Path:
    """Write a small corpus of three clips in two shards."""
    rng = np.random.default_rng(SEED)
    writer = ClipShardWriter(folder, {"mel": 80})
    jobs = [(f"s{i}/clip", f"s{i}", f"digest{i}") for i in range(3)]
    for _, _, digest in jobs:
        arrays = {"landmarks": rng.normal(size=(20, 68, 3)), "mel": rng.normal(size=(40, 80)), "pitch_hz": np.ones(40)}
        writer.write_part(digest, {name: array.astype(np.float32) for name, array in arrays.items()})
    for number, some in enumerate((jobs[:2], jobs[2:])):
        writer.write(number, some, recipe=f"r{number}", first=2 * number)
    writer.finish(2)
    return folder


def read_clips(folder: Path) -> list[Any]:
    """Read all that training reads of a corpus, in windows."""
    shards = ClipShards(folder)
    found: list[Any] = [shards.index.audio_features]
    for clip in shards.index.clips:
        for name, rows in (("landmarks", 1), ("mel", 2), ("pitch_hz", 2)):
            half = clip.frames // 2
            found += [shards.read(clip, name, 0, rows * half), shards.read(clip, name, rows * half, rows * clip.frames)]
    return found


def make_templates(folder: Path) -> Path:
    """Write two shards of faces with random templates."""
    rng = np.random.default_rng(SEED)
    writer = TemplateShardWriter(folder, LITTLE)
    for number, split in enumerate(("train", "val")):
        pairs = [
            (f"{number}/{i}.png", number, encode(draw_face(number, i)), rng.normal(size=3).astype(np.float32))
            for i in range(3)
        ]
        writer.write(number, pairs, split=split, recipe=split)  # type: ignore[arg-type]
    writer.finish(2)
    return folder


def read_template_shards(folder: Path) -> list[Any]:
    """Read every pair."""
    shards = TemplateShards(folder)
    found: list[Any] = [shards.width]
    for split in ("train", "val"):
        for number in range(shards.count(split)):
            pair = shards.read(split, number)
            found += [pair.crop, pair.template, pair.identity, shards.name(split, number)]
    return found


def read_persons(folder: Path) -> list[Any]:
    """Read every voice and face."""
    data = FaceVoiceDataset(folder)
    found: list[Any] = []
    for entry, person in enumerate(data.persons):
        found += [person.split, person.label, data.faces(entry), data.landmarks_px(entry)]
        found += [data.wav(entry, clip) for clip in range(len(person.clips))]
    return found


def make_pairs(folder: Path) -> Path:
    """Write pairs of two speakers."""
    rng = np.random.default_rng(SEED)

    def pair(speaker: int, take: int) -> Pair:
        return Pair(draw_face(speaker, take, 32), rng.integers(1, 999, 1600).astype(np.int16), f"s{speaker}")

    write_pairs(folder, {"train": [pair(i % 2, i) for i in range(4)], "val": [pair(i, 9) for i in range(2)]})
    return folder


def read_pairs(folder: Path) -> list[Any]:
    """Read every pair."""
    pairs = FaceVoicePairs(folder)
    found: list[Any] = [pairs.meta.speakers]
    for split in ("train", "val"):
        found += [np.array(pairs.faces(split)), np.array(pairs.wavs(split)), np.array(pairs.labels(split))]
    return found


def read_video(folder: Path) -> list[Any]:
    """Read what the tasks read of a person's video."""
    data = VideoDataset(folder)
    pictures = [np.array(getattr(data, name)) for name in PICTURES]
    found: list[Any] = [data.shots("train"), data.landmarks, data.world_from_camera, data.audio("mel")]
    return [*found, data.audio("pitch_hz"), data.neutral, data.landmarks_mean, *pictures]


Kind = tuple[Callable[[Path], Any], Callable[[Path], list[Any]], str]
KINDS: dict[str, Kind] = {
    "clips": (make_clips, read_clips, "*.safetensors"),
    "templates": (make_templates, read_template_shards, "*.safetensors"),
    "face_voice": (lambda folder: make_persons(folder, persons=4, seconds=1.0), read_persons, "*.safetensors"),
    "wav2pix": (make_pairs, read_pairs, "*.npy"),
    "video": (lambda folder: make_video_dataset(folder, frames=40, size=32), read_video, "*.safetensors"),
}
INDEX_FILES = {"clips": "index.json", "templates": "index.json", "face_voice": "index.json", "wav2pix": "meta.json",
          "video": "meta.json"}  # fmt: skip
"""Kind -> its index."""
