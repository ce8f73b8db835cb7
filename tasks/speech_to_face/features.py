"""Face features and measures of voices of a whole dataset: worked out once, kept beside the data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.measure import MEASURES, VERSION, measure
from modules.faces.face_warp import to_normalised
from utils.files.arrays import load_arrays, save_arrays
from utils.files.digests import fingerprint
from utils.progress import Progress

log = logging.getLogger(__name__)
BATCH = 32


class FaceFeatures:
    """Look face features up by entry and picture.

    Args:
        rows: For each entry (K, F) float32, one row a picture.
    """

    def __init__(self, rows: dict[int, np.ndarray]) -> None:
        self.rows = rows

    @property
    def dim(self) -> int:
        """Return the length of a feature."""
        return next(iter(self.rows.values())).shape[1]

    def face(self, entry: int, face: int | None) -> Tensor:
        """Return the feature of one picture, (F,), or the mean over the entry's pictures."""
        rows = self.rows[entry]
        return torch.from_numpy(np.ascontiguousarray(rows.mean(0) if face is None else rows[face]))


def features_of(dataset: FaceVoiceDataset, encoder: Any) -> FaceFeatures:
    """Return the features of all pictures; those that were computed before are read from beside the data."""
    entries = dataset.entries("all")
    digest = fingerprint(dataset.index.fingerprint, encoder.source.get("sha256", ""))[:16]
    cache = dataset.path / f"features-{digest}.safetensors"
    has_digest = bool(encoder.source.get("sha256"))
    if has_digest and cache.is_file():
        return FaceFeatures({int(key): rows for key, rows in load_arrays(cache).items()})
    rows = {}
    home = encoder.device
    encoder.to("cuda" if torch.cuda.is_available() else home)
    with Progress("face features", len(entries)) as bar:
        for entry in entries:
            pictures, points = dataset.faces(entry), dataset.landmarks_px(entry)
            few = [slice(i, i + BATCH) for i in range(0, len(pictures), BATCH)]
            parts = [encode(encoder, pictures[part], points[part]) for part in few]
            rows[entry] = torch.cat(parts).numpy()
            bar.step()
    encoder.to(home)
    if has_digest:
        keep_beside(cache, {str(entry): features for entry, features in rows.items()})
    return FaceFeatures(rows)


def measured_of(dataset: FaceVoiceDataset) -> dict[int, Tensor]:
    """Return what is measured of all sounds of each entry, (clips, MEASURES)."""
    cache = dataset.path / f"measured-{fingerprint(dataset.index.fingerprint, VERSION)[:16]}.safetensors"
    if dataset.index.fingerprint and cache.is_file():
        return {int(key): torch.from_numpy(rows) for key, rows in load_arrays(cache).items()}
    entries = dataset.entries("all", voices=True)
    rows: dict[str, np.ndarray] = {}
    with Progress("measures of voices", len(entries)) as bar:
        for entry in entries:
            clips = range(len(dataset.persons[entry].clips))
            rows[str(entry)] = np.stack([measure(dataset.wav(entry, clip)) for clip in clips]).reshape(-1, MEASURES)
            bar.step()
    if dataset.index.fingerprint:
        keep_beside(cache, rows)
    return {int(key): torch.from_numpy(values) for key, values in rows.items()}


def encode(encoder: Any, pictures: np.ndarray, landmarks_px: np.ndarray) -> Tensor:
    """Return the features (N, F), on the CPU, of pictures (N, S, S, 3) uint8 with their landmarks (N, 68, 2)."""
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(encoder.device).float() / 255
    landmarks = to_normalised(torch.from_numpy(landmarks_px), pictures.shape[1]).to(encoder.device)
    with torch.no_grad():
        return encoder.model(images, landmarks).float().cpu()


def keep_beside(cache: Path, arrays: dict[str, Any]) -> None:
    """Write arrays beside the data, for the next time; where nothing may be written, say so and go on."""
    try:
        save_arrays(cache, arrays)
    except OSError as error:  # a folder that may only be read
        log.warning("What was worked out could not be kept at %s (%s); it is computed again next time.", cache, error)
