"""What `data_gen.video.landmarks` promises, with a detector that reads its answers from the frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_gen.stages import Done
from data_gen.video import landmarks
from data_gen.video.cuts import refuse_without_runs
from data_gen.video.framing.follow import follow
from data_gen.video.job import VideoJob
from data_gen.video.landmarks import bridge_gaps, track_landmarks
from data_gen.video.stage import Bench
from tests.data_gen.video.scripted import Scripted, face_at, frames
from utils.errors import DataError


def test_the_face_is_followed_even_when_another_grows_larger():
    script = [[face_at(100 + i, 100), face_at(250, 100, 10 + 3 * i)] for i in range(12)]
    track = track_landmarks(frames(12), Scripted(script))
    assert track.found.all()
    np.testing.assert_allclose(track.points_px[:, 36:48].mean(axis=(1, 2)), [100 + i / 2 for i in range(12)], atol=1)
    assert track.source == "scripted"
    assert track.blendshapes.shape == (12, 52)
    assert track.points_px.dtype == np.float32


def test_a_detector_that_threads_may_share_gives_the_same_track():
    script = [[face_at(100 + i, 100)] for i in range(60)]
    script[20] = []
    alone = track_landmarks(frames(60), Scripted(script), cuts=[30])
    shared = Scripted(script)
    shared.threads = True
    together = track_landmarks(frames(60), shared, cuts=[30])
    np.testing.assert_array_equal(together.points_px, alone.points_px)
    np.testing.assert_array_equal(together.found, alone.found)


def test_short_gaps_are_bridged_and_marked():
    script = [[face_at(100 + i, 100)] for i in range(100)]
    script[40] = script[41] = []
    done = []
    track = track_landmarks(frames(100), Scripted(script), on_frame=done.append)
    assert list(np.flatnonzero(~track.found)) == [40, 41]
    np.testing.assert_allclose(track.points_px[40], face_at(140, 100).points_px, atol=1e-3)
    assert done == list(range(1, 101))


def test_a_longer_stretch_without_a_face_is_left_out_like_a_cut():
    script = [[face_at(100, 100)] for _ in range(120)] + [[face_at(200, 100)] for _ in range(130)]
    for index in range(110, 124):
        script[index] = []
    track = track_landmarks(frames(250), Scripted(script))
    assert track.left_out == ((108, 126),)
    assert list(np.flatnonzero(~track.found)) == list(range(108, 126))
    assert np.isfinite(track.points_px).all()
    np.testing.assert_allclose(track.points_px[107], face_at(100, 100).points_px, atol=1e-3)
    np.testing.assert_allclose(track.points_px[126], face_at(200, 100).points_px, atol=1e-3)


def test_a_video_that_hardly_shows_a_face_is_refused_with_all_times_and_the_flags():
    script = [[face_at(100, 100)] for _ in range(250)]
    for index in (*range(30, 120), *range(170, 250)):
        script[index] = []
    with pytest.raises(DataError) as error:
        track_landmarks(frames(250), Scripted(script), video="may.mp4", start_s=60.0)
    assert str(error.value) == (
        "may.mp4: no face in 170 of 250 frames (from 61.1 to 64.9 s and from 66.7 to 70.0 s). It is seen from 60.0 to "
        "61.1 s and from 64.9 to 66.7 s: add --start_s 64.88 --duration_s 1.84 to use that part alone, or use a video "
        "that shows the face throughout."
    )
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


def test_what_is_left_once_gaps_are_left_out_must_be_enough_to_train_on(tmp_path, monkeypatch):
    """A gap in the only long shot of the end leaves short ones to validate on."""
    script = [[face_at(100, 100)] for _ in range(200)]
    for index in range(184, 196):
        script[index] = []
    cuts = list(range(100, 181, 10))
    refuse_without_runs(VideoJob("may", Path("may.mp4")), cuts, 200)
    np.save(tmp_path / "frames.npy", np.stack(list(frames(200, 100, 100))))
    said = {"convert": {}, "cuts": {"cuts": cuts}}
    done = {name: Done(name, tmp_path, summary, "", 0.0) for name, summary in said.items()}
    bench = Bench(VideoJob("may", Path("may.mp4")), done, (0, 0, 0))
    monkeypatch.setattr(landmarks, "make_detector", lambda _: Scripted(script))
    with pytest.raises(DataError, match=r"may\.mp4: .* the part to validate on, no shot with a face in it lasts"):
        landmarks.landmarks_stage(bench, tmp_path, lambda *_: None)
    assert not (tmp_path / "arrays.safetensors").exists()
