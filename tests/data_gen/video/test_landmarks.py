"""What `data_gen.video.landmarks` promises, with a detector that reads its answers from the frames."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.landmarks import bridge_gaps, find_face_box, follow, track_landmarks
from utils.errors import DataError
from utils.faces.detector import Face, LandmarkDetector
from utils.faces.landmarks import MEAN_FACE


def face_at(x: float, y: float, size: float = 40) -> Face:
    """Return a face with its eyes' middle at (x, y) and an eye distance of `size` pixels."""
    points = (MEAN_FACE[:, :2] * [size, -size] + [x, y]).astype(np.float32)
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return Face(points, (float(x0), float(y0), float(x1), float(y1)), 1.0, np.full(52, x, np.float32))


class Scripted(LandmarkDetector):
    """Give the faces of a script; a frame's first value is its number."""

    name = "scripted"
    smoothing_frames = 0.0

    def __init__(self, script: list[list[Face]]) -> None:
        self.script = script
        self.forgot = 0

    def detect(self, frame: np.ndarray) -> list[Face]:
        if frame.shape[0] < 100:  # a part of a larger picture
            return []
        return sorted(self.script[int(frame[0, 0, 0])], key=lambda f: f.box[0] - f.box[2])

    def forget(self) -> None:
        self.forgot += 1


def frames(count: int, height: int = 200, width: int = 300):
    for index in range(count):
        yield np.full((height, width, 3), index, np.uint8)


def test_the_face_is_followed_even_when_another_grows_larger():
    script = [[face_at(100 + i, 100), face_at(250, 100, 10 + 3 * i)] for i in range(12)]
    track = track_landmarks(frames(12), Scripted(script))
    assert track.found.all()
    np.testing.assert_allclose(track.points_px[:, 36:48].mean(axis=(1, 2)), [100 + i / 2 for i in range(12)], atol=1)
    assert track.source == "scripted"
    assert track.blendshapes.shape == (12, 52)
    assert track.points_px.dtype == np.float32


def test_short_gaps_are_bridged_and_marked():
    script = [[face_at(100 + i, 100)] for i in range(100)]
    script[40] = script[41] = []
    done = []
    track = track_landmarks(frames(100), Scripted(script), on_frame=done.append)
    assert list(np.flatnonzero(~track.found)) == [40, 41]
    np.testing.assert_allclose(track.points_px[40], face_at(140, 100).points_px, atol=1e-3)
    assert done == list(range(1, 101))


def test_many_missing_frames_are_refused_with_their_time():
    script = [[face_at(100, 100)] for _ in range(250)]
    for index in range(80, 121):
        script[index] = []
    with pytest.raises(DataError) as error:
        track_landmarks(frames(250), Scripted(script), video="may.mp4")
    assert str(error.value) == (
        "may.mp4: no face in 41 of 250 frames (first at 3.2 s). At most 8 in a row and 5% in all are bridged: "
        "cut those parts out, or use a video in which the face is seen from the front throughout."
    )


def test_times_in_errors_are_those_of_the_whole_video():
    script = [[face_at(100, 100)]] * 25 + [[]] * 20 + [[face_at(100, 100)]] * 5
    with pytest.raises(DataError, match=r"first at 61\.0 s"):
        track_landmarks(frames(50), Scripted(script), start_s=60.0)


def test_no_face_and_no_frame_are_refused():
    with pytest.raises(DataError, match=r"may\.mp4: no face in any of 3 frames"):
        track_landmarks(frames(3), Scripted([[], [], []]), video="may.mp4")
    with pytest.raises(DataError, match="it has no frames"):
        track_landmarks(frames(0), Scripted([]))


def test_two_people_are_refused_with_the_time():
    script = [[face_at(80, 100, 30), face_at(220, 100, 28)]]
    with pytest.raises(DataError) as error:
        track_landmarks(frames(1), Scripted(script), video="talk.mp4")
    assert str(error.value) == (
        "talk.mp4: at 0.0 s there are two faces of about equal size. One person must be alone in the picture, or "
        "much larger than anyone else: crop the video to that person, or cut that part out."
    )


def test_a_face_that_jumps_at_a_cut_is_found_again():
    script = [[face_at(80, 100)]] * 5 + [[face_at(200, 100)]] * 5
    detector = Scripted(script)
    track = track_landmarks(frames(10), detector, cuts=[5])
    assert track.points_px[5, 27, 0] > 190
    assert detector.forgot == 2  # at the start and at the cut
    assert follow([], face_at(0, 0)) is None


def test_gaps_are_bridged_within_their_shot_only():
    values = np.array([0.0, 1, 9, 9, 5, 9, 7])[:, None]
    found = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    np.testing.assert_allclose(bridge_gaps(values, found)[:, 0], [0, 1, 7 / 3, 11 / 3, 5, 6, 7])
    np.testing.assert_allclose(bridge_gaps(values, found, cuts=[3])[:, 0], [0, 1, 1, 5, 5, 6, 7])
    np.testing.assert_allclose(bridge_gaps(values, found, cuts=[2, 4])[:, 0], [0, 1, 7 / 3, 11 / 3, 5, 6, 7])


def test_the_square_holds_the_face_and_stays_in_the_picture():
    script = [[face_at(150 + i, 90, 20)] for i in range(5)]
    box = find_face_box(((i / 2, f) for i, f in enumerate(frames(5))), Scripted(script))
    assert box.size <= 200
    assert box.size % 2 == 0
    assert box.x0 >= 0
    assert box.x0 + box.size <= 300
    assert box.y0 >= 0
    assert box.y0 + box.size <= 200
    assert abs(box.x0 + box.size / 2 - 152) < 5
    corner = find_face_box([(0.0, next(frames(1)))], Scripted([[face_at(20, 10, 10)]]))
    assert (corner.x0, corner.y0) == (0, 0)


def test_the_square_needs_a_face():
    with pytest.raises(DataError, match=r"may.mp4: no face in any of 2 frames looked at"):
        find_face_box(((float(i), f) for i, f in enumerate(frames(2))), Scripted([[], []]), video="may.mp4")
    script = [[face_at(100, 100)]] * 4 + [[]] * 6
    with pytest.raises(DataError, match=r"may.mp4: no face in 6 of 10 frames looked at \(first at 4.0 s\)"):
        find_face_box(((float(i), f) for i, f in enumerate(frames(10))), Scripted(script), video="may.mp4")
