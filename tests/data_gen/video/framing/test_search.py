from __future__ import annotations

import numpy as np

from data_gen.video.framing.search import detect_anywhere
from tests.data_gen.video.scripted import face_at
from utils.faces.detector import Face, LandmarkDetector
from utils.faces.landmarks import MEAN_FACE


class Nearsighted(LandmarkDetector):
    """See a white square as a face when it is a twelfth of the picture wide."""

    name = "nearsighted"
    smoothing_frames = 0.0

    def __init__(self) -> None:
        self.pictures = 0

    def detect(self, frame: np.ndarray) -> list[Face]:
        self.pictures += 1
        rows, columns = np.nonzero(frame[..., 0] > 200)
        if not len(rows) or np.ptp(columns) + 1 < frame.shape[1] / 12:
            return []
        points = MEAN_FACE[:, :2] * [np.ptp(columns) / 2.4, -np.ptp(rows) / 2.4] + [columns.mean(), rows.mean()]
        return [Face(points.astype(np.float32), (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))]


def picture(x: int, y: int, side: int) -> np.ndarray:
    frame = np.zeros((2160, 3840, 3), np.uint8)
    frame[y : y + side, x : x + side] = 255
    return frame


def test_a_face_of_a_fortieth_of_the_picture_is_found_once_and_in_its_place():
    detector = Nearsighted()
    (face,) = detect_anywhere(detector, picture(1690, 840, 99))
    assert face.box == (1690, 840, 1789, 939)
    searched = detector.pictures
    assert detect_anywhere(detector, picture(1720, 850, 99), face)[0].box[0] == 1720
    assert detector.pictures - searched == 2  # the whole, and where it was
    assert detect_anywhere(detector, picture(0, 0, 9)) == []


def test_a_small_picture_is_searched_in_nine_parts_at_most():
    detector = Nearsighted()
    assert detect_anywhere(detector, np.zeros((720, 1280, 3), np.uint8)) == []
    assert detector.pictures == 10
    assert detect_anywhere(detector, np.zeros((720, 1280, 3), np.uint8), face_at(640, 300)) == []
    assert detector.pictures == 21
