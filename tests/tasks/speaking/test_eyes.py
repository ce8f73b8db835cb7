"""Eyes follow the footage or blink by a seed."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.eyes import move_eyes
from tasks.speaking.resting_face import UPPER, find_blink
from tasks.speaking.settings import PostSettings
from tests.tasks.speaking.made_speech import PERSON
from utils.errors import ConfigError
from utils.faces.landmarks import JAW, MOUTH, eye_opening


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


@pytest.mark.parametrize("span", [(190, 230), (-4, 8), (20, 10)])
def test_a_blink_outside_the_footage_is_refused(span):
    settings = PostSettings(
        infer_inject_eye_blink_mode="period",
        infer_eye_blink_ref_frames_start_idx=span[0],
        infer_eye_blink_ref_frames_end_idx=span[1],
    )
    with pytest.raises(ConfigError, match="the footage has frames 0 to 199"):
        move_eyes(np.zeros((40, 68, 3), np.float32), PERSON, np.arange(40), settings, 0)
