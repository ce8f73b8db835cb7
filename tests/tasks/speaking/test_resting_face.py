"""What the footage says of a face at rest: its closed mouth, its gaze, its blink."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.resting_face import UPPER, Person, find_blink, find_closed_mouth
from tests.made import make_video_dataset
from tests.tasks.speaking.made_speech import PERSON, make_person
from utils.errors import ConfigError
from utils.faces.landmarks import mouth_opening


def test_the_closed_mouth_is_that_of_quiet_frames_with_nearly_closed_lips():
    landmarks = np.zeros((100, 68, 3), np.float32)
    opening = np.tile(np.array([0.0, 1, 2, 3, 4], np.float32), 20)
    landmarks[:, 65:68, 1] = -opening[:, None]
    landmarks[:50, 8, 0] = 7.0  # the first half is loud: its closed frames are of speech
    loudness = np.repeat(np.array([0.1, 0.0], np.float32), 50)
    closed = find_closed_mouth(landmarks, mouth_opening(landmarks), loudness)
    assert not closed.any()


def test_the_blink_is_found_where_it_is_and_nowhere_when_nobody_blinks():
    start, stop = find_blink(make_person(blink_at=90))
    assert start < 90 < stop <= start + 16
    still = Person(PERSON.database, PERSON.mean, PERSON.std, PERSON.closed, np.ones(200, np.float32), PERSON.shots)
    assert find_blink(still) is None


def test_the_gaze_is_that_of_open_eyes():
    assert PERSON.gaze.shape == (31, 3)
    assert abs(PERSON.gaze[37 - UPPER.start, 1] - np.median(PERSON.database[:40, 37, 1])) < 0.1


def test_a_closed_frame_that_the_footage_lacks_is_refused(tmp_path):
    video = make_video_dataset(tmp_path / "made", frames=40, size=16)
    np.testing.assert_array_equal(Person.of(video, 3).closed, video.landmarks[3])
    with pytest.raises(ConfigError) as error:
        Person.of(video, 40)
    assert str(error.value) == "infer_sil_ref_frame_idx = 40: the footage has frames 0 to 39"
