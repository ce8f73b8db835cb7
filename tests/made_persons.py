"""Persons for tests, drawn in a moment: the wider the face, the lower the voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.faces import FACE_SIZE, mean_shape
from data_gen.face_voice.sound import normalise_loudness
from data_gen.face_voice.splits import split_persons
from data_gen.face_voice.writer import FaceVoiceWriter, MadePerson
from utils.faces.landmarks import EDGES


def made_voice(build: float, seconds: float = 3.0, seed: int = 0) -> np.ndarray:
    """Return a buzzing voice whose pitch falls with the build (0 to 1), (S,) float32 at 16 000/s."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(16_000 * seconds)) / 16_000
    pitch = 240 - 120 * build + 6 * np.sin(2 * np.pi * 3 * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t + rng.uniform(0, 6))
    return normalise_loudness((buzz * syllables + 0.01 * rng.normal(size=len(t))).astype(np.float32))


def made_face(build: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawn face (224, 224, 3) uint8 and its landmarks (68, 2)."""
    import cv2

    rng = np.random.default_rng([seed, 9])
    points = mean_shape()
    points[:, 0] = 112 + (points[:, 0] - 112) * (0.85 + 0.3 * build)
    points += rng.normal(0, 0.7, points.shape)
    skin = (int(120 + 110 * build), 150, int(220 - 130 * build))
    picture = np.full((FACE_SIZE, FACE_SIZE, 3), 60, np.uint8)
    outline = np.concatenate([points[:17], points[26:16:-1] - (0, 30)])
    cv2.fillPoly(picture, [np.round(outline).astype(np.int32)], skin)
    for a, b in EDGES[16:]:
        cv2.line(picture, *(tuple(np.round(points[i]).astype(int).tolist()) for i in (a, b)), (40, 30, 30), 3)
    return picture, points.astype(np.float32)


def make_persons(
    path: Path, persons: int = 8, *, clips: int = 2, faces: int = 2, seconds: float = 3.0, val: float = 0.25
) -> FaceVoiceDataset:
    """Write made persons as a dataset."""
    names = [f"p{number:03d}" for number in range(persons)]
    splits = split_persons(names, val=val, test=0.0)
    writer = FaceVoiceWriter(path, licence="drawn")
    half = -(-persons // 2)

    def person(number: int) -> MadePerson:
        build = (number * 0.618) % 1
        voices = [(f"v{i}", made_voice(build, seconds, 10 * number + i)) for i in range(clips)]
        pictures = [(f"f{i}", *made_face(build, 10 * number + i)) for i in range(faces)]
        return MadePerson(names[number], "wide" if build > 0.5 else "narrow", splits[names[number]], voices, pictures)

    writer.write(0, (person(i) for i in range(half)), recipe="a")
    writer.write(1, (person(i) for i in range(half, persons)), recipe="b")
    return writer.finish(2)
