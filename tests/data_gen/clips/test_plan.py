"""The clips command finds its videos and cuts them."""

from __future__ import annotations

import pytest

from data_gen.clips.plan import Video, find_videos, plan_clips
from tests.data_gen.clips.toy import make_videos
from utils.errors import DataError


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


def test_a_speaker_is_one_in_both_forms_of_unicode(tmp_path):
    for name in ("Jos\u00e9/1.mp4", "Jose\u0301/2.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text("video,speaker\na.mp4,Jos\u00e9\nb.mp4,Jose\u0301\n", encoding="utf-8")
    for source in (tmp_path, tmp_path / "list.csv"):
        assert [video.speaker for video in find_videos(source)] == ["Jos\u00e9"] * 2


def test_a_speaker_behind_a_link_is_taken(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.mp4").touch()
    (tmp_path / "videos/carla").symlink_to(tmp_path / "elsewhere")
    assert [(video.speaker, video.name) for video in find_videos(tmp_path / "videos")] == [("carla", "carla/1")]


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
