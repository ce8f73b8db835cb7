"""Measure how late a video's sound is, from the lips and the spectrum alone.

For every offset a ridge regression foretells the shape of the lips (opening, width, jaw, and their speeds) from a
narrow window of the mel spectrum that far away; it is tested on stretches of the video that it was not fitted on.
The correlation has one clear peak where sound and lips belong together. No network, no weights, a second of work.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from data_gen.speech_features import audio_features
from data_gen.stages import Tick
from data_gen.video.stage import Bench
from utils.media.wav import read_wav
from utils.rates import FPS

SYNC_VERSION = 2
RANGE_ROWS = 30
"""Offsets up to so many audio rows (20 ms) each way are tried: 15 frames."""
BIAS_FRAMES = 0.1
"""Where the peak lies for videos known to be in sync: lips and sound do not move at quite the same time."""
MOST_FRAMES = 6000
"""Longer videos are judged by this many frames, taken in pieces from all over."""
_FOLDS = 5
_HALF_WINDOW_ROWS = 3
_RIDGE = 0.1
_LEAST_PEAK = 0.25
_LEAST_LEAD = 0.12
_LEAST_FRAMES = 50


@dataclass(frozen=True)
class SyncOffset:
    """How late the sound is.

    Attributes:
        frames: Delay of the sound in video frames; positive is late. 0 when not measurable.
        measurable: Whether there is one clear peak.
        uncertainty: What the measurement may err by, in frames: the largest error seen on pieces of that length of
            videos known to be in sync.
        peak: Correlation of foretold and true lips at the peak.
        rest: The highest correlation far from the peak: what chance gives.
        offsets_frames, curve: The correlation at every offset tried.
    """

    frames: float
    measurable: bool
    uncertainty: float
    peak: float
    rest: float
    offsets_frames: list[float]
    curve: list[float]


def sync_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Measure the video's offset; nothing is written."""
    points = bench.arrays("landmarks")["points_px"]
    wav = read_wav(bench.done["convert"].folder / "audio.wav")
    return asdict(measure_offset(points, audio_features(wav, "mel", len(points)), bench.kept()))


def measure_offset(
    landmarks_px: NDArray[np.floating], mel: NDArray[np.floating], kept: NDArray[np.bool_] | None = None
) -> SyncOffset:
    """Measure the delay of the sound behind the lips.

    Args:
        landmarks_px: (T, 68, 2) at 25 frames a second, in pixels.
        mel: (2T, 80) log mel spectrum at 50 rows a second.
        kept: (T,) which frames show the face; all of them when not given.
    """
    count = len(landmarks_px)
    usable = np.arange(count) if kept is None else np.flatnonzero(kept)
    offsets = np.arange(-RANGE_ROWS, RANGE_ROWS + 1)
    if len(usable) < _LEAST_FRAMES:
        return SyncOffset(0.0, False, RANGE_ROWS / 2, 0.0, 0.0, [], [])
    lips = lip_motion(landmarks_px)
    bands = mel[: 2 * count].reshape(-1, 20, mel.shape[1] // 20).mean(axis=2)
    bands = np.pad(bands, ((0, 2 * count - len(bands)), (0, 0)), mode="edge")
    frames = usable[_frames_to_judge(len(usable))]
    curve = np.array([_correlation(lips, bands, frames, int(offset)) for offset in offsets])
    return judge_curve(curve, len(usable))


def judge_curve(curve: NDArray[np.float64], count: int) -> SyncOffset:
    """Tell how late the sound is from the correlations (61,) at all offsets, of `count` frames."""
    offsets = np.arange(-RANGE_ROWS, RANGE_ROWS + 1)
    best = int(np.argmax(curve))
    far = np.abs(offsets - offsets[best]) > 14
    peak, rest = float(curve[best]), float(curve[far].max())
    measurable = bool(peak > _LEAST_PEAK and peak - rest > _LEAST_LEAD and 2 <= best < len(offsets) - 2)
    late = _peak_position(offsets, curve) / 2 - BIAS_FRAMES if measurable else 0.0
    return SyncOffset(late, measurable, 0.35 + 75 / count, peak, rest, (offsets / 2).tolist(), curve.tolist())


def lip_motion(landmarks_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (T, 10): opening inside and outside, width outside and inside, jaw; then their speeds.

    In eye distances, less the running mean of two seconds, so that size and turns of the head count little.
    """
    points = landmarks_px.astype(np.float64)
    eyes = np.median(np.linalg.norm(points[:, 36:42].mean(axis=1) - points[:, 42:48].mean(axis=1), axis=1))

    def distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.linalg.norm(first - second, axis=1) / max(eyes, 1e-6)

    shape = np.stack(
        [
            distance(points[:, 61:64].mean(axis=1), points[:, 65:68].mean(axis=1)),
            distance(points[:, 50:53].mean(axis=1), points[:, 56:59].mean(axis=1)),
            distance(points[:, 48], points[:, 54]),
            distance(points[:, 60], points[:, 64]),
            distance(points[:, 8], points[:, 30]),
        ],
        axis=1,
    )
    shape -= uniform_filter1d(shape, 2 * FPS + 1, axis=0)
    return np.concatenate([shape, np.gradient(shape, axis=0)], axis=1)


def _frames_to_judge(count: int) -> NDArray[np.intp]:
    if count <= MOST_FRAMES:
        return np.arange(count)
    pieces = 12
    length = MOST_FRAMES // pieces
    starts = np.linspace(0, count - length, pieces).astype(int)
    return np.concatenate([np.arange(start, start + length) for start in starts])


def _correlation(
    lips: NDArray[np.float64], bands: NDArray[np.floating], frames: NDArray[np.intp], offset: int
) -> float:
    """Return the mean correlation of true lips and lips foretold from rows around 2t + offset."""
    window = np.arange(-_HALF_WINDOW_ROWS + 1, _HALF_WINDOW_ROWS + 1)
    rows = np.clip(2 * frames[:, None] + offset + window, 0, len(bands) - 1)
    sound = bands[rows].reshape(len(frames), -1).astype(np.float64)
    truth = lips[frames]
    foretold = np.zeros_like(truth)
    fold = np.arange(len(frames)) * _FOLDS // len(frames)
    for index in range(_FOLDS):
        fit, test = fold != index, fold == index
        mean, spread, middle = sound[fit].mean(axis=0), sound[fit].std(axis=0) + 1e-6, truth[fit].mean(axis=0)
        scaled = (sound[fit] - mean) / spread
        gram = scaled.T @ scaled
        gram[np.diag_indices_from(gram)] += _RIDGE * len(scaled)
        weights = np.linalg.solve(gram, scaled.T @ (truth[fit] - middle))
        foretold[test] = (sound[test] - mean) / spread @ weights + middle
    foretold, truth = foretold - foretold.mean(axis=0), truth - truth.mean(axis=0)
    scale = np.sqrt((foretold**2).sum(axis=0) * (truth**2).sum(axis=0))
    return float(np.mean((foretold * truth).sum(axis=0) / np.maximum(scale, 1e-12)))


def _peak_position(offsets: NDArray[np.intp], curve: NDArray[np.float64]) -> float:
    """Return the top of the parabola through the upper fifth of the peak, in rows."""
    best = int(np.argmax(curve))
    near = np.abs(offsets - offsets[best]) <= 6
    near &= curve > 0.8 * curve[best]
    if near.sum() < 4:
        return float(offsets[best])
    bend, slope, _ = np.polyfit(offsets[near], curve[near], 2)
    if bend >= 0:
        return float(offsets[best])
    return float(np.clip(-slope / (2 * bend), offsets[best] - 3, offsets[best] + 3))


def shift_sound(wav: NDArray[np.float32], late_frames: float, rate: int) -> NDArray[np.float32]:
    """Return a sound (S,) of `rate` a second made earlier by `late_frames` video frames, of the same length."""
    samples = round(late_frames / FPS * rate)
    if samples >= 0:
        return np.pad(wav[samples:], (0, min(samples, len(wav))))
    return np.pad(wav[:samples], (min(-samples, len(wav)), 0))


def corrected_offset(sync: dict[str, Any]) -> float:
    """Return by how many frames to make the sound earlier: 0 unless the offset is surely there."""
    return float(sync["frames"]) if sync["measurable"] and abs(sync["frames"]) > 2 * sync["uncertainty"] else 0.0
