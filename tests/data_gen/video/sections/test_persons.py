from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.video.sections.persons import group, refuse_two_persons
from tests.data_gen.video.scripted import face_at
from utils.errors import DataError
from utils.faces.recogniser import Recogniser


class ByColour(Recogniser):
    """Take a face's mean colour for its identity."""

    path = Path("colour")

    def templates(self, crops: np.ndarray) -> np.ndarray:
        return crops.mean(axis=(1, 2)).astype(np.float32) / 255


def interview(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.concatenate([np.full((25, 64, 64, 3), colour, np.uint8) for colour in colours])


def judge(frames: np.ndarray) -> None:
    points = np.stack([face_at(32, 28, 12).points_px] * len(frames))
    shots = [(start, start + 25) for start in range(0, len(frames), 25)]
    refuse_two_persons(frames, points, [*shots, (0, 3)], ByColour(), video="talk.mp4", start_s=10.0)


ANNA, BERT = (250, 200, 180), (30, 30, 40)


def test_an_interview_is_refused_with_the_times_of_both_and_the_flags_that_keep_one():
    with pytest.raises(DataError) as error:
        judge(interview(ANNA, BERT, ANNA, ANNA))
    assert str(error.value) == (
        "talk.mp4 shows 2 persons: person 1 from 10.0 to 11.0 s and from 12.0 to 14.0 s; person 2 from 11.0 to 12.0 s. "
        "A talking head is of one: add --start_s 12 --duration_s 2 to use that part alone, or cut the video to one "
        "person."
    )


def test_one_person_in_other_light_passes():
    judge(interview(ANNA, (220, 180, 170), ANNA))
    judge(interview(ANNA))


def test_templates_are_grouped_by_the_nearest_person():
    a, b = np.zeros(4, np.float32), np.full(4, 0.5, np.float32)
    assert group([a, a + 0.1, b, a - 0.1, b + 0.1, b * 3]) == [0, 0, 1, 0, 1, 2]
    assert group([]) == []
