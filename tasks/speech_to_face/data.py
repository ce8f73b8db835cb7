"""Batches of faces and of voices, each a function of a random generator alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data_gen.face_voice.dataset import FaceVoiceDataset, Pairing, Pairs, VoicePair
from data_gen.face_voice.faces import FACE_SIZE
from data_gen.face_voice.sound import take
from data_gen.face_voice.splits import Split
from tasks.speech_to_face.features import FaceFeatures
from utils.arrays import Floats
from utils.faces.landmarks import MIRROR


class DrawnFaces(NamedTuple):
    """landmarks (B, 68, 2) normalised; texture, face (B, 3, S, S) RGB in 0..1."""

    landmarks: Tensor
    texture: Tensor
    face: Tensor


class FaceBatch(NamedTuple):
    """images (B, 3, S, S) float32 RGB in 0..1; landmarks (B, 68, 2) normalised, y down; person (B,) int64;
    feature (B, F) float32, F = 0 where none was asked for; entry (B,) int64 of the dataset.
    """

    images: Tensor
    landmarks: Tensor
    person: Tensor
    feature: Tensor
    entry: Tensor


class VoiceBatch(NamedTuple):
    """sound, what the voice encoder hears, (B, ...) float32; feature (B, F) the owner's; person, entry (B,) int64."""

    sound: Tensor
    feature: Tensor
    person: Tensor
    entry: Tensor


class FaceSource:
    """Draw pictures: a person at random, then one of theirs.

    Args:
        dataset: Whose.
        split: Which persons.
        size: Batch size.
        side: Side of the pictures.
        labels: Entry -> number of the person for the last layer; None numbers persons as the dataset does.
        features: Face features to give along.
        augment: Mirror, and change light, place and scale a little. Off where features or landmarks must stay true.
        colour_jitter: How far to change the colours, see `recolour`; likewise.
        voices: Of persons with voices only.
    """

    def __init__(
        self, dataset: FaceVoiceDataset, split: Split, size: int, side: int, *, labels: dict[int, int] | None = None,
        features: FaceFeatures | None = None, augment: bool = False, colour_jitter: float = 0.0,
        voices: bool = False,
    ) -> None:  # fmt: skip
        self.dataset, self.size, self.side = dataset, size, side
        self.entries = dataset.entries(split, voices=voices)
        self.labels, self.features, self.augment, self.colour_jitter = labels, features, augment, colour_jitter
        self._last: list[tuple[int, int]] = []

    def batch(self, rng: np.random.Generator) -> FaceBatch:
        """Draw one batch."""
        entries = rng.choice(self.entries, self.size, replace=self.size > len(self.entries))
        chosen = [(int(e), int(rng.integers(len(self.dataset.persons[int(e)].faces)))) for e in entries]
        self._last = chosen
        batch = self.read(chosen)
        if self.colour_jitter:
            batch = batch._replace(images=recolour(batch.images, self.colour_jitter, rng))
        return disturb(batch, rng) if self.augment else batch

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        persons = self.dataset.persons
        return [f"{persons[entry].id}: {persons[entry].faces[face]}" for entry, face in self._last]

    def read(self, chosen: Sequence[tuple[int, int]]) -> FaceBatch:
        """Read pictures by (entry, face)."""
        pictures = np.stack([self.dataset.face(entry, face) for entry, face in chosen])
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        if images.shape[-1] != self.side:
            images = F.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True, align_corners=False)
        points = np.stack([self.dataset.landmarks_px(entry)[face] for entry, face in chosen])
        landmarks = torch.from_numpy(points) * (2 / FACE_SIZE) - 1
        numbers = self.labels or dict(enumerate(self.dataset.numbers))
        features = [self.features.face(e, f) for e, f in chosen] if self.features else [torch.zeros(0)] * len(chosen)
        person = torch.tensor([numbers.get(entry, -1) for entry, _ in chosen])
        return FaceBatch(images, landmarks, person, torch.stack(features), torch.tensor([e for e, _ in chosen]))

    def whole(self, limit: int) -> list[FaceBatch]:
        """Return all pictures of the split, at most `limit` spread over the persons, always the same."""
        return [self.read(part) for part in self.parts(limit)]

    def parts(self, limit: int) -> list[list[tuple[int, int]]]:
        """Return of which (entry, face) the batches of `whole` are, for reading them one by one."""
        chosen = [(e, f) for e in self.entries for f in range(len(self.dataset.persons[e].faces))]
        if len(chosen) > limit:
            chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, limit).astype(int)]
        return [chosen[i : i + self.size] for i in range(0, len(chosen), self.size)]


def disturb(batch: FaceBatch, rng: np.random.Generator) -> FaceBatch:
    """Mirror half of the pictures; change brightness, contrast, place and scale of all a little."""
    count = len(batch.images)
    mirror = torch.from_numpy(rng.random(count) < 0.5)
    landmarks = torch.where(mirror[:, None, None], mirrored(batch.landmarks), batch.landmarks)
    scale = torch.from_numpy(rng.uniform(0.92, 1.08, count).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.05, 0.05, (count, 2)).astype(np.float32))
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = torch.where(mirror, -scale, scale)
    matrix[:, 1, 1] = scale
    matrix[:, :, 2] = shift
    grid = F.affine_grid(matrix, list(batch.images.shape), align_corners=False)
    images = F.grid_sample(batch.images, grid, align_corners=False, padding_mode="border")
    sign = torch.where(mirror, -1.0, 1.0)[:, None]
    moved = shift * torch.cat([sign, torch.ones_like(sign)], 1)
    landmarks = (landmarks - moved[:, None]) / scale[:, None, None]
    light = torch.from_numpy(rng.uniform(-0.15, 0.15, (count, 1, 1, 1)).astype(np.float32))
    contrast = torch.from_numpy(rng.uniform(0.8, 1.2, (count, 1, 1, 1)).astype(np.float32))
    mean = images.mean((1, 2, 3), keepdim=True)
    return batch._replace(images=((images - mean) * contrast + mean + light).clamp(0, 1), landmarks=landmarks)


def recolour(images: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Turn hues, change saturation, bend tones and throw light and shade on each picture (B, 3, S, S) in 0..1.

    Args:
        strength: From 0, as it is, to 1: any hue, from grey to twice the colour, gamma from 1/2 to 2, light that falls
            unevenly by up to a factor of 2 either way.
    """
    import kornia.enhance as ke

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (len(images), *shape)).astype(np.float32))

    images = ke.adjust_hue(images, draw(-math.pi * strength, math.pi * strength))
    images = ke.adjust_saturation_with_gray_subtraction(images, draw(1 - strength, 1 + strength))
    reach = math.log(2) * strength
    images = ke.adjust_gamma(images, draw(-reach, reach).exp())
    shade = F.interpolate(draw(-reach, reach, 1, 3, 3), images.shape[-2:], mode="bicubic", align_corners=True)
    return (images * shade.exp()).clamp(0, 1)


def mirrored(landmarks: Tensor) -> Tensor:
    """Return the landmarks (B, 68, 2), normalised, of the mirrored pictures."""
    flipped = landmarks[:, torch.from_numpy(MIRROR)].clone()
    flipped[..., 0] *= -1
    return flipped


class VoiceSource:
    """Draw pairs of a voice and its owner's face feature.

    Args:
        dataset: Whose.
        split: Which persons.
        pairing: See `Pairs`.
        size: Batch size.
        samples: Length of the sound that the encoder hears.
        hear: Turns (samples,) float32 into the encoder's input.
        features: Face features.
        random_crop: Begin anywhere in the sound, not at its start.
    """

    def __init__(
        self, dataset: FaceVoiceDataset, split: Split, pairing: Pairing, size: int, samples: int,
        hear: Callable[[Floats], Tensor], features: FaceFeatures, *, random_crop: bool = True,
    ) -> None:  # fmt: skip
        self.pairs = Pairs(dataset, split, pairing)
        self.dataset, self.size, self.samples, self.hear = dataset, size, samples, hear
        self.features, self.random_crop = features, random_crop
        self._last = np.zeros(0, np.int64)

    def batch(self, rng: np.random.Generator) -> VoiceBatch:
        """Draw one batch."""
        self._last = rng.choice(len(self.pairs), self.size, replace=self.size > len(self.pairs))
        return self._read(self._last, rng if self.random_crop else None)

    def names(self) -> list[str]:
        """Name what the last batch was made of."""
        names = []
        for number in self._last:
            pair = self.pairs[int(number)]
            person = self.dataset.persons[pair.entry]
            face = "the mean of the faces" if pair.face is None else person.faces[pair.face]
            names.append(f"{person.id}: {person.clips[pair.clip]} with {face}")
        return names

    def whole(self, limit: int) -> list[VoiceBatch]:
        """Return all pairs, at most `limit` evenly, from the start of each sound, always the same."""
        numbers = self._evenly(limit)
        return [self._read(numbers[i : i + self.size], None) for i in range(0, len(numbers), self.size)]

    def chosen(self, limit: int) -> list[VoicePair]:
        """Return the pairs of `whole`."""
        return [self.pairs[int(number)] for number in self._evenly(limit)]

    def _evenly(self, limit: int) -> np.ndarray:
        return np.linspace(0, len(self.pairs) - 1, min(limit, len(self.pairs))).astype(int)

    def _read(self, numbers: np.ndarray, rng: np.random.Generator | None) -> VoiceBatch:
        sounds, features, entries = [], [], []
        for number in numbers:
            pair = self.pairs[int(number)]
            wav = self.dataset.wav(pair.entry, pair.clip)
            start = int(rng.integers(0, max(1, len(wav) - self.samples + 1))) if rng is not None else 0
            sounds.append(self.hear(take(wav, self.samples, start)))
            features.append(self.features.face(pair.entry, pair.face))
            entries.append(pair.entry)
        person = torch.tensor([self.dataset.numbers[entry] for entry in entries])
        return VoiceBatch(torch.stack(sounds), torch.stack(features), person, torch.tensor(entries))
