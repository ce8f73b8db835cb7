"""Make predicted landmarks fit for the renderer: keep them within what this person's face does, let it blink and rest.

The steps, in GeneFace's order (its setting names are kept; smoothing here runs over time, not across coordinates):
exaggerate -> clamp -> project onto the person's own frames (LLE) -> eyes -> closed mouth in silence -> smoothing -> no
crossed lips. An hour of speech needs no more memory than a few (T, 68, 3) arrays.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data_gen.video.dataset import VideoDataset
from tasks.silence import frame_rms, silence_weight
from utils.config import Config, Fraction, Positive, Weight
from utils.errors import ConfigError
from utils.landmarks import BROWS, EYES, JAW, MOUTH, NOSE, eye_opening, mouth_opening, smooth_over_time

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

UPPER = slice(17, 48)
"""Brows, nose and eyes: what the voice says nothing about."""
FACE = slice(0, 48)
"""All but the mouth."""
WINDOW = 256


class PostSettings(Config):
    """How predicted landmarks are mended before rendering."""

    infer_lm3d_clamp_std: Weight = 3.0
    """Keep every coordinate within this many standard deviations of the person's mean (brows and eyes: half of it in x
    and y); 0 turns it off. Lower it when the mouth opens unnaturally wide."""
    infer_mouth_gain: Positive = 1.0
    """Exaggerate mouth and jaw about their mean: 1.2 to 1.5 mends a mumbling mouth."""
    infer_lm3d_lle_percent: Fraction = 0.0
    """How far (0..1) points other than the mouth are pulled to combinations of the person's 10 most alike frames."""
    infer_inject_eye_blink_mode: Literal["none", "gt", "period"] = "gt"
    """Brows, nose and eyes: `gt` as in the footage whose head pose is shown, `period` a still gaze with one of the
    person's blinks every few seconds, `none` as predicted from the voice."""
    infer_eye_blink_ref_frames_start_idx: int | None = None
    """First frame of the blink that `period` repeats; found in the footage when not given."""
    infer_eye_blink_ref_frames_end_idx: int | None = None
    """Frame after the end of that blink."""
    infer_close_mouth_when_sil: bool = True
    """Close the mouth in true silence, which a room never has and the networks may not know."""
    infer_sil_ref_frame_idx: int | None = None
    """Frame whose mouth is the closed one; found in the footage when not given."""
    infer_sil_db: Annotated[float, Field(lt=0)] = -50.0
    """Silence is so many decibels below the loud speech of the same sound. -30 closes the mouth in a quiet room's
    pauses too, which is calmer than people are."""
    infer_sil_seconds: Annotated[float, Field(gt=0)] = 0.4
    """Shorter silences leave the mouth alone."""
    infer_lm3d_smooth_sigma: Weight = 0.0
    """Gaussian smoothing over time of all points but the mouth, in frames."""
    infer_mouth_smooth_sigma: Weight = 0.4
    """The same for the mouth; more than 1 begins to blur speech."""


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
        """Read what is needed of a dataset; find the closed mouth unless `closed_frame` names it."""
        database = video.landmarks
        if closed_frame is not None:
            if not 0 <= closed_frame < len(database):
                raise ConfigError(
                    f"infer_sil_ref_frame_idx = {closed_frame}: the footage has frames 0 to {len(database) - 1}"
                )
            closed = database[closed_frame]
        else:
            quiet = frame_rms(video.audio("rms"), len(database))
            closed = find_closed_mouth(database, mouth_opening(database), quiet)
        std = np.maximum(video.landmarks_std, 1e-3)
        lids = eye_opening(database)
        return cls(database, video.landmarks_mean, std, closed, lids, video.shots("all"))

    @functools.cached_property
    def faces(self) -> Floats:
        """All points but the mouth, in standard deviations, (N, 144)."""
        return ((self.database[:, FACE] - self.mean[FACE]) / self.std[FACE]).reshape(len(self.database), -1)

    @functools.cached_property
    def gaze(self) -> Floats:
        """Brows, nose and eyes at rest, (31, 3): the median over frames whose eyes are open."""
        wide = self.eye_opening >= np.quantile(self.eye_opening, 0.3)
        return np.asarray(np.median(self.database[wide][:, UPPER], axis=0), np.float32)

    @functools.cached_property
    def blink(self) -> tuple[int, int] | None:
        """The clearest blink of the footage."""
        return find_blink(self)


def find_closed_mouth(landmarks: Floats, opening: np.ndarray, loudness: np.ndarray) -> Floats:
    """Find the face at rest: the median of the quiet frames in which the lips are most nearly closed, (68, 3)."""
    floor = np.quantile(opening, 0.15)
    quiet = loudness <= max(np.quantile(loudness, 0.95) * 0.03, np.quantile(loudness, 0.02))
    chosen = (opening <= floor) & quiet
    if chosen.sum() < 5:
        chosen = opening <= np.quantile(opening, 0.03)
    return np.median(landmarks[chosen], axis=0).astype(np.float32)


def clamp(landmarks: Floats, person: Person, times_std: float) -> Floats:
    """Keep landmarks (T, 68, 3) within mean +- times_std * std; brows and eyes at half of it in x and y."""
    if times_std == 0:
        return landmarks
    reach = clamp_reach(times_std) * person.std
    return np.clip(landmarks, person.mean - reach, person.mean + reach)


def clamp_reach(times_std: float) -> Floats:
    """Return how many deviations each coordinate (68, 3) may be from the mean: brows and eyes half in x and y."""
    reach = np.full((68, 3), times_std, np.float32)
    reach[BROWS, :2] /= 2
    reach[EYES, :2] /= 2
    return reach


def exaggerate(landmarks: Floats, person: Person, gain: float) -> Floats:
    """Scale how far mouth and jaw are from the person's mean."""
    if gain == 1:
        return landmarks
    out = landmarks.copy()
    for part in (MOUTH, JAW):
        out[:, part] = person.mean[part] + gain * (landmarks[:, part] - person.mean[part])
    return out


def uncross_lips(landmarks: Floats) -> Floats:
    """Let lips touch where the inner ones would pass through each other."""
    from utils.landmarks import from_offsets, to_offsets

    points = from_offsets(landmarks)
    above, below = [61, 62, 63], [67, 66, 65]
    overlap = np.maximum(points[:, below, 1] - points[:, above, 1], 0) / 2
    points[:, above, 1] += overlap
    points[:, below, 1] -= overlap
    return to_offsets(points)


def project_on_person(landmarks: Floats, person: Person, percent: float, neighbours: int = 10) -> Floats:
    """Pull the points that are not the mouth to what the person's own frames can combine to (LLE).

    Each frame is rebuilt from its nearest frames in the person's normalised landmarks with weights that sum to 1; the
    normal equations are regularised by a thousandth of their trace, since neighbours in a video are nearly equal.
    """
    if percent == 0:
        return landmarks
    out = landmarks.copy()
    mean, std, base = person.mean[FACE], person.std[FACE], person.faces
    square = (base**2).sum(axis=1)
    k = min(neighbours, len(base))
    for start in range(0, len(landmarks), WINDOW):
        query = ((landmarks[start : start + WINDOW, FACE] - mean) / std).reshape(-1, base.shape[1])
        distance = square[None] - 2 * query @ base.T
        near = np.argpartition(distance, k - 1, axis=1)[:, :k]
        offset = base[near] - query[:, None]
        gram = offset @ offset.transpose(0, 2, 1)
        ridge = 1e-3 * np.trace(gram, axis1=1, axis2=2) / k + 1e-6
        gram = gram + ridge[:, None, None] * np.eye(k, dtype=np.float32)
        weights = np.linalg.solve(gram, np.ones((len(query), k, 1), np.float32))[..., 0]
        weights /= weights.sum(axis=1, keepdims=True)
        rebuilt = np.einsum("tk,tkc->tc", weights, base[near])
        mixed = (1 - percent) * query + percent * rebuilt
        out[start : start + WINDOW, FACE] = mixed.reshape(-1, FACE.stop, 3) * std + mean
    return out


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


@functools.lru_cache(maxsize=8)
def blink_times(frames: int, seed: int, length: int) -> list[int]:
    """Draw when blinks start: every 2 to 5 seconds, the same for the same seed whatever the length of the speech."""
    rng = np.random.default_rng([seed, 17])
    starts: list[int] = []
    at = int(rng.integers(15, 60))
    while at + length <= frames:
        starts.append(at)
        at += length + int(rng.integers(50, 125))
    return starts


def move_eyes(
    landmarks: Floats,
    person: Person,
    frame_ids: Ints,
    settings: PostSettings,
    seed: int,
    *,
    first: int = 0,
    until: int | None = None,
) -> Floats:
    """Give brows, nose and eyes their motion by `infer_inject_eye_blink_mode`; `frame_ids` (T,): the footage shown.

    Args:
        first: Which frame of the speech the first one is.
        until: No blink begins that would not have ended by this frame; the last one given when None.
    """
    mode = settings.infer_inject_eye_blink_mode
    if mode == "none":
        return landmarks
    out = landmarks.copy()
    if mode == "gt":
        out[:, UPPER] = person.database[frame_ids][:, UPPER]
        return out
    sway = person.database[frame_ids][:, UPPER]
    out[:, UPPER] = person.gaze
    out[:, NOSE] = sway[:, NOSE.start - UPPER.start : NOSE.stop - UPPER.start]
    motion = blink_motion(person, settings)
    last = first + len(out)
    for start in blink_times(last if until is None else until, seed, len(motion)) if len(motion) else []:
        low, high = max(start, first), min(start + len(motion), last)
        if low < high:
            out[low - first : high - first, EYES] += motion[low - start : high - start]
    return out


def blink_motion(person: Person, settings: PostSettings) -> Floats:
    """Return how the eyes leave their rest in one blink, (L, 12, 3), beginning and ending with 0; L = 0: nobody blinks.

    Raises:
        ConfigError: The frames given for it are not there.
    """
    given = (settings.infer_eye_blink_ref_frames_start_idx, settings.infer_eye_blink_ref_frames_end_idx)
    if (given[0] is None) != (given[1] is None):
        raise ConfigError(
            "infer_eye_blink_ref_frames_start_idx and infer_eye_blink_ref_frames_end_idx: give both or neither"
        )
    span = person.blink if None in given else (int(given[0] or 0), int(given[1] or 0))
    if span is None:
        return np.zeros((0, 12, 3), np.float32)
    if not 0 <= span[0] < span[1] <= len(person.database):
        raise ConfigError(
            f"infer_eye_blink_ref_frames {span[0]} to {span[1]}: the footage has frames 0 to {len(person.database) - 1}"
        )
    blink = person.database[span[0] : span[1], EYES]
    edge = np.linspace(0, 1, len(blink), dtype=np.float32)[:, None, None]
    return blink - ((1 - edge) * blink[0] + edge * blink[-1])


def close_mouth(landmarks: Floats, person: Person, weight: Floats) -> Floats:
    """Move mouth and jaw to the person's closed mouth by `weight` (T,)."""
    out = landmarks.copy()
    mix = weight[:, None, None]
    for part in (MOUTH, JAW):
        out[:, part] = (1 - mix) * landmarks[:, part] + mix * person.closed[part]
    return out


def post_process(
    landmarks: Floats,
    person: Person,
    frame_ids: Ints,
    rms: np.ndarray,
    settings: PostSettings,
    seed: int = 0,
) -> Floats:
    """Run all steps over predicted landmarks.

    Args:
        landmarks: (T, 68, 3) predicted, tenths of an eye distance.
        person: What their footage says.
        frame_ids: (T,) the footage frame whose head pose each output frame shows.
        rms: (2T,) loudness of the sound, 50 rows a second.
        settings: What to do.
        seed: Decides when `period` blinks.

    Returns:
        (T, 68, 3) float32.
    """
    rest = None
    if settings.infer_close_mouth_when_sil:
        rest = silence_weight(rms, len(landmarks), settings)
    return mend(landmarks, person, frame_ids, rest, settings, seed)


def mend(
    landmarks: Floats,
    person: Person,
    frame_ids: Ints,
    rest: Floats | None,
    settings: PostSettings,
    seed: int = 0,
    *,
    first: int = 0,
    until: int | None = None,
) -> Floats:
    """Run the steps over any stretch of a speech; `rest` (T,) says how far the mouth closes, None leaves it alone."""
    out = exaggerate(np.asarray(landmarks, np.float32), person, settings.infer_mouth_gain)
    out = clamp(out, person, settings.infer_lm3d_clamp_std)
    out = project_on_person(out, person, settings.infer_lm3d_lle_percent)
    out = move_eyes(out, person, frame_ids, settings, seed, first=first, until=until)
    if rest is not None:
        out = close_mouth(out, person, rest)
    out = out.copy() if out is landmarks else out
    out[:, FACE] = smooth_over_time(out[:, FACE], settings.infer_lm3d_smooth_sigma)
    out[:, MOUTH] = smooth_over_time(out[:, MOUTH], settings.infer_mouth_smooth_sigma)
    return uncross_lips(out)
