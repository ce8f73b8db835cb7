"""Predicted landmarks are mended within what this face does."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.mend import clamp, meet_lips, project_on_person
from tasks.speaking.resting_face import Person, lip_height
from tasks.speaking.settings import PostSettings
from tests.tasks.speaking.made_speech import OFF, PERSON, run
from utils.faces.landmarks import BROWS, EYES, JAW, MOUTH, from_offsets, mouth_opening


def test_with_everything_off_nothing_moves_and_the_input_is_not_written_to():
    landmarks = 0.1 * np.random.default_rng(1).normal(size=(30, 68, 3)).astype(np.float32)
    before = landmarks.copy()
    np.testing.assert_allclose(run(landmarks, OFF), before, atol=1e-5)
    run(landmarks, PostSettings())
    np.testing.assert_array_equal(landmarks, before)


def test_the_clamp_is_half_as_wide_for_brows_and_eyes_in_the_picture_plane():
    far = clamp(np.full((1, 68, 3), 1e3, np.float32), PERSON, 2.0)
    times = (far[0] - PERSON.mean) / PERSON.std
    for part in (BROWS, EYES):
        np.testing.assert_allclose(times[part, :2], 1.0, rtol=1e-3)
        np.testing.assert_allclose(times[part, 2], 2.0, rtol=1e-3)
    for part in (JAW, MOUTH):
        np.testing.assert_allclose(times[part], 2.0, rtol=1e-3)


def test_the_persons_own_frames_project_onto_themselves_and_strange_ones_come_nearer():
    own = PERSON.database[10:20]
    np.testing.assert_allclose(project_on_person(own, PERSON, 1.0), own, atol=0.02)
    strange = own + np.random.default_rng(2).normal(size=own.shape).astype(np.float32)
    nearer = project_on_person(strange, PERSON, 1.0)

    def away(x):
        return np.sqrt(((x[:, None, :48] - PERSON.database[None, :, :48]) ** 2).mean((2, 3))).min(1)

    assert (away(nearer) < 0.5 * away(strange)).all()
    np.testing.assert_array_equal(nearer[:, MOUTH], strange[:, MOUTH])


def test_a_person_with_few_or_equal_frames_does_not_break_the_projection():
    few = Person(np.zeros((3, 68, 3), np.float32), PERSON.mean, PERSON.std, PERSON.closed, np.ones(3), [(0, 3)])
    assert np.isfinite(project_on_person(np.ones((5, 68, 3), np.float32), few, 1.0)).all()


def test_the_mouth_closes_in_pauses_and_only_there():
    frames = 100
    rms = np.full(2 * frames, 0.1, np.float32)
    rms[80:140] = 1e-4  # frames 40..69
    rms[180:184] = 1e-4  # 2 frames: too short
    open_mouth = np.zeros((frames, 68, 3), np.float32)
    open_mouth[:, 65:68, 1] = -2.5
    settings = OFF.model_copy(update={"infer_close_mouth_when_sil": True})
    opening = mouth_opening(run(open_mouth, settings, rms))
    closed = mouth_opening(PERSON.closed[None])[0]
    np.testing.assert_allclose(opening[45:65], closed, atol=1e-4)
    np.testing.assert_allclose(opening[:40], opening[0])
    np.testing.assert_allclose(opening[70:], opening[0])
    assert np.abs(np.diff(opening)).max() < 0.4 * (opening[0] - closed)


def test_lips_that_nearly_meet_do_and_others_stay():
    low, high = PERSON.lip_range
    heights = low + (high - low) * np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.36, 0.8, 1.2], np.float32)
    landmarks = np.tile(PERSON.closed, (len(heights), 1, 1))
    landmarks[:, 65:68, 1] -= (heights - lip_height(landmarks))[:, None]
    met = meet_lips(landmarks, PERSON, 0.35)
    np.testing.assert_allclose(lip_height(met)[:3], low, atol=1e-5)
    assert low < lip_height(met)[3] < heights[3]
    assert 0.25 < (lip_height(met)[4] - low) / (high - low) < 0.3
    np.testing.assert_array_equal(met[5:], landmarks[5:])
    assert (np.diff(lip_height(met)[2:]) > 0).all(), "a mouth that opens more is shown to open more"
    inner, outer = (met - landmarks)[:, 66, 1], (met - landmarks)[:, 57, 1]
    np.testing.assert_allclose(inner, outer, atol=1e-6)
    np.testing.assert_array_equal(met[:, [48, 54, 60, 64]], landmarks[:, [48, 54, 60, 64]])
    np.testing.assert_array_equal(meet_lips(landmarks, PERSON, 0.0), landmarks)


def test_a_face_that_never_moves_stays_as_it_is():
    still = Person(np.zeros((3, 68, 3), np.float32), PERSON.mean, PERSON.std, PERSON.closed, np.ones(3), [(0, 3)])
    np.testing.assert_array_equal(meet_lips(still.database, still, 0.35), still.database)


def test_a_mumbling_mouth_is_exaggerated_about_its_mean_and_lips_never_cross():
    gentle = PERSON.mean + 0.5 * (PERSON.database - PERSON.mean)
    mended = run(gentle, OFF.model_copy(update={"infer_mouth_gain": 2.0}))
    np.testing.assert_allclose(mended[:, 57], PERSON.database[:, 57], atol=1e-4)
    np.testing.assert_allclose(mended[:, EYES], gentle[:, EYES], atol=1e-5)
    crossed = np.zeros((5, 68, 3), np.float32)
    crossed[:, 65:68, 1] = 2.0
    lips = from_offsets(run(crossed, OFF))
    np.testing.assert_allclose(lips[:, 62, 1], lips[:, 66, 1], atol=1e-5)


def test_smoothing_runs_over_time_not_over_coordinates():
    landmarks = np.zeros((30, 68, 3), np.float32)
    landmarks[:, 3, 1] = 5.0
    still = run(landmarks, OFF.model_copy(update={"infer_lm3d_smooth_sigma": 2.0}))
    np.testing.assert_allclose(still, landmarks, atol=1e-5)
    spike = np.zeros((30, 68, 3), np.float32)
    spike[15, 3, 1] = 1.0
    out = run(spike, OFF.model_copy(update={"infer_lm3d_smooth_sigma": 1.0}))
    assert out[15, 3, 1] < 0.5
    assert out[14, 3, 1] > 0.2
    assert not out[:, 2].any()
    assert not out[:, 4].any()


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_shortest_speech_works(frames):
    out = run(np.zeros((frames, 68, 3), np.float32), PostSettings(infer_lm3d_lle_percent=0.5))
    assert out.shape == (frames, 68, 3)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
