"""The clips command finds its videos, cuts them, tracks a clip, and names slips."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen import run
from data_gen.clips.plan import ClipJob, Video, find_videos, plan_clips
from data_gen.clips.process import ClipRecipe
from tests.data_gen.clips.toy import make_videos
from utils.errors import ConfigError, DataError


def test_speakers_are_folders(tmp_path):
    for name in ("anna/1.mp4", "anna/2.MPG", "anna/2.avi", "bert/1.mov", "solo.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = [(video.speaker, video.name) for video in find_videos(tmp_path)]
    assert named == [
        ("anna", "anna/1"), ("anna", "anna/2.MPG"), ("anna", "anna/2.avi"), ("bert", "bert/1"), ("solo", "solo"),
    ]  # fmt: skip
    with pytest.raises(DataError, match="No video under"):
        find_videos(tmp_path / "anna" / "none")


def test_a_csv_lists_videos(tmp_path):
    (tmp_path / "list.csv").write_text("video,speaker,start_s,stop_s,note\na/x.mp4,,,,hi\nb/y.mp4,bert,2,5.5,\n")
    assert find_videos(tmp_path / "list.csv") == [
        Video(tmp_path / "a/x.mp4", "a/x", "a"),
        Video(tmp_path / "b/y.mp4", "b/y@2s", "bert", 2.0, 5.5),
    ]
    for text, message in (
        ("file\na.mp4\n", "has no column 'video'"),
        ("video\n", "has no row below its head"),
        ("video,start_s\na.mp4,soon\n", r"line 2: start_s = 'soon': wants seconds"),
        ("video,start_s,stop_s\na.mp4,3,2\n", r"line 2: wants a video, and a stop_s after its start_s"),
    ):
        (tmp_path / "list.csv").write_text(text)
        with pytest.raises(DataError, match=message):
            find_videos(tmp_path / "list.csv")


def test_long_videos_are_cut_and_no_frame_is_lost(tmp_path):
    make_videos(tmp_path, ["a.mp4"], seconds=5.2)
    video = find_videos(tmp_path)[0]

    def cuts(seconds, **more):
        jobs, refused = plan_clips([video._replace(**more)], seconds)
        assert not refused
        return [(job.id, job.first, job.frames) for job in jobs]

    assert cuts(60) == [("a", 0, None)]
    assert cuts(4) == [("a", 0, None)]
    assert cuts(2) == [("a@0s", 0, 50), ("a@2s", 50, 50), ("a@4s", 100, 30)]
    assert cuts(2.5) == [("a@0s", 0, 62), ("a@2.48s", 62, 68)]
    assert cuts(2, start_s=1.0, stop_s=4.0) == [("a@1s", 25, 50), ("a@3s", 75, 25)]
    assert cuts(2, start_s=1.0, stop_s=3.0) == [("a", 25, 50)]


def test_a_digest_tells_what_changed(tmp_path):
    make_videos(tmp_path, ["a.mp4"])
    job = plan_clips(find_videos(tmp_path), 60)[0][0]
    recipe = ClipRecipe("dlib", ("mel",))
    moved = tmp_path / "elsewhere.mp4"
    (tmp_path / "a.mp4").rename(moved)
    job = job._replace(video=str(moved))
    digests = {
        recipe.digest(job),
        recipe._replace(detector="mediapipe").digest(job),
        recipe._replace(features=("mel", "mfcc")).digest(job),
        recipe.digest(job._replace(first=5)),
    }
    moved.write_bytes(moved.read_bytes() + b" ")
    assert len(digests | {recipe.digest(job)}) == 5


def test_a_video_is_read_as_a_stream_and_its_frames_are_counted(tmp_path):
    from data_gen.clips.process import ClipRecipe, make_clip, process_clip
    from utils.faces.detector import Face, LandmarkDetector
    from utils.faces.landmarks import MEAN_FACE
    from utils.media.video import VideoWriter

    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 32_000).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 64, 96, audio=noise) as out:
        for index in range(40):
            out.write(np.full((64, 96, 3), 80 + index, np.uint8))

    class Still(LandmarkDetector):
        name, smoothing_frames = "still", 0.0

        def detect(self, frame):
            assert frame.shape == (64, 96, 3)
            points = (MEAN_FACE[:, :2] * [12, -12] + [48, 26] + rng.normal(0, 0.1, (68, 2))).astype(np.float32)
            return [Face(points, (*points.min(0), *points.max(0)))]

    job = ClipJob("a", "a", str(tmp_path / "a.mp4"), 0, 30)
    arrays = process_clip(job, Still(), ("mel",))
    assert {name: len(values) for name, values in arrays.items()} == {"landmarks": 30, "mel": 60, "pitch_hz": 60}
    with pytest.raises(DataError, match="10 frames; at least 12"):
        process_clip(job._replace(frames=10), Still(), ("mel",))
    assert make_clip(job._replace(video=str(tmp_path / "b.mp4")), ClipRecipe("dlib", ("mel",))) == "does not exist."


def test_settings_that_make_no_sense_are_named(tmp_path):
    words = ["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="--per_shard 0: must be at least 1"):
        run.main([*words, "--per_shard", "0"])
    with pytest.raises(ConfigError, match="--cut_seconds nan: must be at least 1"):
        run.main([*words, "--cut_seconds", "nan"])
    with pytest.raises(ConfigError, match="--audio_features names none"):
        run.main([*words, "--audio_features", ","])
    assert not list(tmp_path.iterdir())


def test_an_unknown_feature_is_named(tmp_path):
    with pytest.raises(DataError, match="No speech feature is called 'mell'"):
        run.main(["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out"), "--audio_features", "mell"])
