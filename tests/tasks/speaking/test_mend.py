from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking import silence
from tasks.speaking.eyes import move_eyes
from tasks.speaking.mend import clamp, post_process, project_on_person
from tasks.speaking.resting_face import UPPER, Person, find_blink, find_closed_mouth
from tasks.speaking.settings import PostSettings
from utils.errors import ConfigError
from utils.faces.landmarks import BROWS, EYES, JAW, MOUTH, eye_opening, from_offsets, mouth_opening


def make_person(frames: int = 200, *, blink_at: int = 60) -> Person:
    rng = np.random.default_rng(0)
    database = 0.1 * rng.normal(size=(frames, 68, 3)).astype(np.float32)
    speech = np.clip(np.sin(np.arange(frames) / 5), 0, None)
    database[:, 65:68, 1] -= 2.5 * speech[:, None]
    lids = np.exp(-0.5 * ((np.arange(frames) - blink_at) / 1.5) ** 2)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        database[:, upper, 1] -= 0.45 * lids
        database[:, lower, 1] += 0.45 * lids
    std = database.std(0) + 1e-3
    closed = find_closed_mouth(database, mouth_opening(database), speech.astype(np.float32))
    return Person(database, database.mean(0), std, closed, eye_opening(database), [(0, frames)])


PERSON = make_person()
OFF = PostSettings(
    infer_lm3d_clamp_std=0,
    infer_inject_eye_blink_mode="none",
    infer_close_mouth_when_sil=False,
    infer_mouth_smooth_sigma=0,
)


def run(landmarks: np.ndarray, settings: PostSettings, rms: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    loud = np.full(2 * len(landmarks), 0.1, np.float32) if rms is None else rms
    ids = np.arange(len(landmarks)) % len(PERSON.database)
    return post_process(landmarks, PERSON, ids, loud, settings, seed)


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


def test_eyes_follow_the_footage_whose_pose_is_shown():
    landmarks = np.zeros((40, 68, 3), np.float32)
    ids = np.concatenate([np.arange(40, 80)])
    out = move_eyes(landmarks, PERSON, ids, PostSettings(infer_inject_eye_blink_mode="gt"), 0)
    np.testing.assert_array_equal(out[:, UPPER], PERSON.database[ids, UPPER])
    assert not out[:, MOUTH].any()
    assert not out[:, JAW].any()


def test_period_blinks_with_the_persons_own_blink_at_times_set_by_the_seed():
    found = find_blink(PERSON)
    assert found is not None
    assert found[0] < 60 < found[1]
    settings = PostSettings(infer_inject_eye_blink_mode="period")
    ids = np.zeros(500, np.int64)
    zeros = np.zeros((500, 68, 3), np.float32)
    first = eye_opening(move_eyes(zeros, PERSON, ids, settings, 0))
    assert 3 <= ((first[1:] < 0.5 * np.median(first)) & (first[:-1] >= 0.5 * np.median(first))).sum() <= 8
    longer = eye_opening(
        move_eyes(np.zeros((700, 68, 3), np.float32), PERSON, np.zeros(700, np.int64), settings, 0)
    )
    np.testing.assert_array_equal(first[:400], longer[:400])
    other = eye_opening(move_eyes(zeros, PERSON, ids, settings, 1))
    assert (first != other).any()


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


def test_a_mumbling_mouth_is_exaggerated_about_its_mean_and_lips_never_cross():
    gentle = PERSON.mean + 0.5 * (PERSON.database - PERSON.mean)
    mended = run(gentle, OFF.model_copy(update={"infer_mouth_gain": 2.0}))
    np.testing.assert_allclose(mended[:, 57], PERSON.database[:, 57], atol=1e-4)
    np.testing.assert_allclose(mended[:, EYES], gentle[:, EYES], atol=1e-5)
    crossed = np.zeros((5, 68, 3), np.float32)
    crossed[:, 65:68, 1] = 2.0
    lips = from_offsets(run(crossed, OFF))
    np.testing.assert_allclose(lips[:, 62, 1], lips[:, 66, 1], atol=1e-5)


def test_total_silence_rests_and_steady_noise_does_not():
    settings = PostSettings()
    assert silence.silence_weight(np.zeros(100), 50, settings).min() == 1
    assert silence.silence_weight(np.full(100, 0.01), 50, settings).max() == 0
    assert len(silence.silence_weight(np.zeros(0), 0, settings)) == 0


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


@pytest.mark.parametrize("span", [(190, 230), (-4, 8), (20, 10)])
def test_a_blink_outside_the_footage_is_refused(span):
    settings = PostSettings(
        infer_inject_eye_blink_mode="period",
        infer_eye_blink_ref_frames_start_idx=span[0],
        infer_eye_blink_ref_frames_end_idx=span[1],
    )
    with pytest.raises(ConfigError, match="the footage has frames 0 to 199"):
        move_eyes(np.zeros((40, 68, 3), np.float32), PERSON, np.arange(40), settings, 0)
