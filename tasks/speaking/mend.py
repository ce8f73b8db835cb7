"""Make predicted landmarks fit for the renderer: keep them within what this person's face does, let it blink and rest.

The steps, in GeneFace's order (its setting names are kept; smoothing here runs over time, not across coordinates):
exaggerate -> clamp -> project onto the person's own frames (LLE) -> eyes -> lips that nearly meet do -> closed mouth in
silence -> smoothing -> no crossed lips. An hour of speech needs no more memory than a few (T, 68, 3) arrays.
"""

from __future__ import annotations

import numpy as np

from tasks.speaking.eyes import move_eyes
from tasks.speaking.resting_face import FACE, Person, lip_height
from tasks.speaking.settings import PostSettings
from tasks.speaking.silence import rest_weight
from utils.arrays import Floats, Ints
from utils.faces.landmarks import BROWS, EYES, JAW, MOUTH, from_offsets, to_offsets
from utils.shots import smooth_over_time

WINDOW = 256
_UPPER_LIP = [*range(49, 54), 61, 62, 63]
_LOWER_LIP = [*range(55, 60), 65, 66, 67]
_UPPER_SHARE = 0.3
"""Of the way that lips go to meet, what the upper one goes."""
_WHOLLY = 0.3
"""Lips meet wholly where they are nearer than this share of `infer_meet_lips`."""


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
    """Scale how far mouth and jaw of landmarks (T, 68, 3) are from the person's mean."""
    if gain == 1:
        return landmarks
    out = landmarks.copy()
    for part in (MOUTH, JAW):
        out[:, part] = person.mean[part] + gain * (landmarks[:, part] - person.mean[part])
    return out


def meet_lips(landmarks: Floats, person: Person, below: float) -> Floats:
    """Bring lips of landmarks (T, 68, 3) together that are nearly so: what is likeliest to be said is said too softly.

    Args:
        below: From where on, as a share of the way from this face's nearest lips to its widest.
    """
    if below == 0:
        return landmarks
    (low, high), gap = person.lip_range, lip_height(landmarks)
    depth = np.clip((below - (gap - low) / max(high - low, 1e-6)) / (below * (1 - _WHOLLY)), 0, 1)
    way = depth * depth * (3 - 2 * depth) * np.maximum(gap - low, 0)
    out = landmarks.copy()
    out[:, _UPPER_LIP, 1] -= _UPPER_SHARE * way[:, None]
    out[:, _LOWER_LIP, 1] += (1 - _UPPER_SHARE) * way[:, None]
    return out


def uncross_lips(landmarks: Floats) -> Floats:
    """Let lips of landmarks (T, 68, 3) touch where the inner ones would pass through each other."""
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
    rms: np.ndarray | None,
    settings: PostSettings,
    seed: int = 0,
) -> Floats:
    """Run all steps over predicted landmarks.

    Args:
        landmarks: (T, 68, 3) predicted, tenths of an eye distance.
        person: What their footage says.
        frame_ids: (T,) the footage frame whose head pose each output frame shows.
        rms: (2T,) loudness of the sound's voice, 50 rows a second; None when nothing is heard, and no mouth closed.
        settings: What to do.
        seed: Decides when `period` blinks.

    Returns:
        (T, 68, 3) float32.
    """
    rest = None
    if settings.infer_close_mouth_when_sil and rms is not None:
        rest = rest_weight(rms, len(landmarks), settings)
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
    out = meet_lips(out, person, settings.infer_meet_lips)
    if rest is not None:
        out = close_mouth(out, person, rest)
    out = out.copy() if out is landmarks else out
    out[:, FACE] = smooth_over_time(out[:, FACE], settings.infer_lm3d_smooth_sigma)
    out[:, MOUTH] = smooth_over_time(out[:, MOUTH], settings.infer_mouth_smooth_sigma)
    return uncross_lips(out)
