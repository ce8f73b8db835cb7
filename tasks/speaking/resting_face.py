"""What the footage says of a face at rest: its mean, its closed mouth, its blink."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from data_gen.video.dataset import VideoDataset
from tasks.speaking.silence import frame_rms
from utils.arrays import Floats
from utils.errors import ConfigError
from utils.faces.landmarks import OFFSET_SCALE, eye_opening, from_offsets, mouth_opening

UPPER = slice(17, 48)
"""Brows, nose and eyes: what the voice says nothing about."""
FACE = slice(0, 48)
"""All but the mouth."""


@dataclass(frozen=True)
class Person:
    """What the post-processing knows of one person, taken from the processed video.

    Shapes:
        database: (N, 68, 3) the person's `landmarks`. mean, std: (68, 3). closed: (68, 3) mouth and jaw at rest.
        eye_opening: (N,) gap of the lids, tenths of an eye distance. shots: [start, stop) runs without a cut.
    """

    database: Floats
    mean: Floats
    std: Floats
    closed: Floats
    eye_opening: Floats
    shots: list[tuple[int, int]]

    @classmethod
    def of(cls, video: VideoDataset, closed_frame: int | None = None) -> Person:
        """Read what is needed of a dataset; find the closed mouth unless `closed_frame` names it.

        Raises:
            ConfigError: The footage has no such frame.
        """
        database = video.landmarks
        quiet = frame_rms(video.audio("rms"), len(database)) if closed_frame is None else None
        return person_of(
            database, video.landmarks_mean, video.landmarks_std, closed_frame, quiet=quiet, shots=video.shots("all")
        )

    @functools.cached_property
    def faces(self) -> Floats:
        """All points but the mouth, in standard deviations, (N, 144)."""
        return ((self.database[:, FACE] - self.mean[FACE]) / self.std[FACE]).reshape(len(self.database), -1)

    @functools.cached_property
    def lip_range(self) -> tuple[float, float]:
        """How high the mouth is open where it is nearly shut and where it is wide, a frame of twenty beyond either."""
        low, high = np.quantile(lip_height(self.database), [0.05, 0.95])
        return float(low), float(high)

    @functools.cached_property
    def gaze(self) -> Floats:
        """Brows, nose and eyes at rest, (31, 3): the median over frames whose eyes are open."""
        wide = self.eye_opening >= np.quantile(self.eye_opening, 0.3)
        return np.asarray(np.median(self.database[wide][:, UPPER], axis=0), np.float32)

    @functools.cached_property
    def blink(self) -> tuple[int, int] | None:
        """The clearest blink of the footage."""
        return find_blink(self)


def lip_height(landmarks: Floats) -> Floats:
    """Return how high the mouth of landmarks (T, 68, 3) is open, (T,) tenths of an eye distance; below 0 lips cross."""
    heights = OFFSET_SCALE * from_offsets(landmarks)[..., 1]
    return np.asarray(heights[:, 61:64].mean(axis=1) - heights[:, 65:68].mean(axis=1), np.float32)


def person_of(
    database: Floats, mean: Floats, std: Floats, closed_frame: int | None, *, quiet: Floats | None = None,
    shots: list[tuple[int, int]] | None = None,
) -> Person:  # fmt: skip
    """Put together what is known of a person from landmarks (N, 68, 3), their mean and deviation (68, 3).

    Args:
        closed_frame: Whose mouth is the closed one; found when None.
        quiet: (N,) loudness of each frame; when None, the mouth that is most nearly closed is sought in all frames.
        shots: [start, stop) runs without a cut; one run when None.

    Raises:
        ConfigError: There is no frame `closed_frame`.
    """
    if closed_frame is None:
        quiet = np.zeros(len(database), np.float32) if quiet is None else quiet
        closed = find_closed_mouth(database, mouth_opening(database), quiet)
    elif 0 <= closed_frame < len(database):
        closed = database[closed_frame]
    else:
        raise ConfigError(f"infer_sil_ref_frame_idx = {closed_frame}: the footage has frames 0 to {len(database) - 1}")
    lids = eye_opening(database)
    return Person(database, mean, np.maximum(std, 1e-3), closed, lids, shots or [(0, len(database))])


def find_closed_mouth(landmarks: Floats, opening: np.ndarray, loudness: np.ndarray) -> Floats:
    """Find the face at rest: the median of the quiet frames in which the lips are most nearly closed, (68, 3)."""
    floor = np.quantile(opening, 0.15)
    quiet = loudness <= max(np.quantile(loudness, 0.95) * 0.03, np.quantile(loudness, 0.02))
    chosen = (opening <= floor) & quiet
    if chosen.sum() < 5:
        chosen = opening <= np.quantile(opening, 0.03)
    return np.median(landmarks[chosen], axis=0).astype(np.float32)


def find_blink(person: Person) -> tuple[int, int] | None:
    """Find the clearest blink in the footage, (start, stop), at most 16 frames; None when nobody blinks."""
    opening = person.eye_opening
    wide = float(np.median(opening))
    best: tuple[float, int, int] | None = None
    for low, high in person.shots:
        for centre in range(low + 4, high - 4):
            around = opening[centre - 1 : centre + 2]
            if opening[centre] > around.min() or opening[centre] > 0.65 * wide:
                continue
            start = max(low, centre - 7)
            stop = min(high, centre + 9)
            ends_open = min(opening[start], opening[stop - 1])
            if ends_open > 0.85 * wide and (best is None or ends_open - opening[centre] > best[0]):
                best = (float(ends_open - opening[centre]), start, stop)
    return None if best is None else best[1:]
