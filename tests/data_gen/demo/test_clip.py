from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from data_gen.demo.clip import Clip, blinks, make_clip
from data_gen.demo.identity import make_identity
from data_gen.demo.visemes import is_bilabial
from utils.rates import FPS, RATE
from utils.sound.timings import lips_meet, read_timings


def test_sound_and_frames_have_the_same_length(clip: Clip):
    assert len(clip.speech.wav) == len(clip) * RATE // FPS
    exact = make_clip(make_identity(0), ["Mum.", "Bob."], size=64, seconds=4.0)
    assert len(exact) == 100
    assert len(exact.speech.wav) == 64_000


def test_a_clip_is_the_same_every_time(clip: Clip):
    again = Clip(make_identity(0), clip.speech, size=128)
    other = Clip(make_identity(0), clip.speech, size=128, seed=1)
    assert np.array_equal(clip.frame(11), again.frame(11))
    assert not np.array_equal(clip.frame(11), other.frame(11))


def test_lips_close_on_p_b_m_and_in_pauses(clip: Clip, truth):
    for name, start_s, end_s in clip.speech.phonemes:
        if is_bilabial(name):
            nearest = int(0.5 * (start_s + end_s) * FPS)
            assert truth.lip_gap[max(0, nearest - 1) : nearest + 2].min() < 1e-3
    assert (truth.lip_gap[:5] < 1e-3).all()
    assert (truth.lip_gap[-4:] < 1e-3).all()
    assert (truth.lip_gap[truth.lips_closed > 0] < 1e-3).all()
    assert truth.lip_gap.max() > 0.1


def test_landmarks_of_the_lips_follow_the_gap(clip: Clip, truth):
    inner = truth.landmarks_px[:, 66, 1] - truth.landmarks_px[:, 62, 1]
    assert np.corrcoef(inner, truth.lip_gap)[0, 1] > 0.99


def test_blinks_come_every_two_to_six_seconds():
    shut = blinks(3000, 0) > 0.9
    starts = np.flatnonzero(np.diff(shut.astype(int)) == 1) / FPS
    assert (np.diff(starts) > 1.9).all()
    assert (np.diff(starts) < 6.1).all()


def test_truth_is_saved_beside_the_clip(clip: Clip, tmp_path: Path, truth):
    arrays_path, told_path = clip.save_truth(tmp_path / "demo")
    arrays, told = load_file(str(arrays_path)), json.loads(told_path.read_text())
    assert arrays_path.name == "demo.truth.safetensors"
    assert np.array_equal(arrays["landmarks_px"], truth.landmarks_px)
    assert arrays["landmarks_px"].shape == (len(clip), 68, 2)
    assert np.array_equal(clip.landmarks_px(3), truth.landmarks_px[3])
    assert told["frames"] == len(clip)
    assert told["phonemes"][-1][2] == pytest.approx(told["seconds"], abs=1e-3)
    assert "public domain" in told["licence"]
    spans = lips_meet(read_timings(told_path))
    assert len(spans) == sum(is_bilabial(name) for name, _, _ in clip.speech.phonemes) > 0
    assert all(truth.lips_closed[max(0, start) : stop].any() for start, stop in spans)


def test_a_detector_sees_the_lips_as_the_truth_says(clip: Clip, truth):
    import cv2
    import dlib

    from data_gen.demo.portrait import find_landmarks

    seen, frames = [], range(3, len(clip), 2)
    for i in frames:
        image = cv2.resize(clip.frame(i), (512, 512), interpolation=cv2.INTER_CUBIC)
        points = truth.landmarks_px[i] * 4
        low, high = points.min(0), points.max(0)
        x, y, half = *(0.5 * (low + high)), 0.49 * float((high - low).max())
        box = dlib.rectangle(int(x - half), int(y - half), int(x + half), int(y + half))
        found = find_landmarks(image, box)
        seen.append(found[65:68, 1].mean() - found[61:64, 1].mean())
    gap = truth.lip_gap[list(frames)]
    assert np.corrcoef(seen, gap)[0, 1] > 0.9
    assert np.mean(np.array(seen)[gap < 1e-3]) < 0.15 * max(seen)
