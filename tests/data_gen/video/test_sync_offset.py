from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.sync_offset import corrected_offset, measure_offset, shift_sound
from utils.faces.landmarks import MEAN_FACE


def speaking(frames: int = 250, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, 68, 2) landmarks whose lips follow a made loudness, and a mel (2T, 80) that shows it."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=2 * frames + 20)
    drive = np.convolve(rough, np.hanning(11) / 5, mode="valid")[: 2 * frames]
    points = np.tile(MEAN_FACE[:, :2] * [60, -60] + 128, (frames, 1, 1)).astype(np.float32)
    opening = np.maximum(drive.reshape(frames, 2).mean(axis=1), 0)
    points[:, [55, 56, 57, 58, 59, 65, 66, 67], 1] += 12 * opening[:, None]
    points[:, 8, 1] += 8 * opening
    mel = rng.normal(0, 0.3, (2 * frames, 80)) + drive[:, None] * rng.normal(size=80)
    return points + rng.normal(0, 0.1, points.shape), mel.astype(np.float32)


@pytest.mark.parametrize("late", [0, 6, -6])
def test_the_offset_follows_the_sound(late):
    points, mel = speaking()
    found = measure_offset(points, np.roll(mel, 2 * late, axis=0))
    assert found.measurable
    assert found.frames == pytest.approx(late, abs=0.6)


def test_sound_of_someone_else_is_not_measurable():
    points, _ = speaking(seed=0)
    _, mel = speaking(seed=1)
    found = measure_offset(points, mel)
    assert not found.measurable
    assert found.frames == 0


def test_too_short_is_not_measurable():
    points, mel = speaking(40)
    assert not measure_offset(points, mel).measurable


def test_correcting_moves_the_sound_and_keeps_its_length():
    wav = np.zeros(16_000, np.float32)
    wav[8000] = 1
    assert shift_sound(wav, 5, 16_000).argmax() == 8000 - 3200
    assert shift_sound(wav, -5, 16_000).argmax() == 8000 + 3200
    assert len(shift_sound(wav, -5, 16_000)) == len(shift_sound(wav, 5, 16_000)) == 16_000
    assert not shift_sound(wav, 100, 16_000).any()


def test_a_small_or_unsure_offset_is_left_alone():
    assert corrected_offset({"measurable": True, "frames": 6.2, "uncertainty": 0.4}) == 6.2
    assert corrected_offset({"measurable": True, "frames": -1.1, "uncertainty": 0.9}) == 0
    assert corrected_offset({"measurable": False, "frames": 6.2, "uncertainty": 0.4}) == 0


def test_frames_without_a_face_do_not_count():
    points, mel = speaking()
    late = np.roll(mel, 12, axis=0)
    kept = np.ones(len(points), bool)
    kept[80:160] = False
    points[80:160] = points[79]
    measured = measure_offset(points, late, kept)
    assert measured.measurable
    assert measured.frames == pytest.approx(6, abs=0.6)
    assert measured.uncertainty > measure_offset(points, late).uncertainty
    assert not measure_offset(points, late, np.arange(len(points)) < 40).measurable
