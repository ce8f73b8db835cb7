"""The clips command lists what it refuses, keeps what it made, and makes again what changed."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from data_gen import run
from data_gen.clips import run as clips_run
from data_gen.clips.shards import ClipShards
from utils.errors import ConfigError, DataError


@pytest.fixture
def processed(monkeypatch):
    """Replace the tracking of a clip by its file's size; an empty file has no face."""
    asked = []

    def process(video, detector, features):
        asked.append(video.name)
        size = video.stat().st_size
        if size == 0:
            raise DataError(f"{video}: no face in any of 25 frames.")
        return {
            "landmarks": np.full((size, 68, 3), size, np.float32),
            "pitch_hz": np.zeros(2 * size, np.float32),
            **{name: np.zeros((2 * size, 80), np.float32) for name in features},
        }

    class NoDetector(clips_run.LandmarkDetector):
        def detect(self, frame):
            return []

    monkeypatch.setattr(clips_run, "process_clip", process)
    monkeypatch.setattr(clips_run, "make_detector", lambda name: NoDetector())
    monkeypatch.setattr(clips_run, "_detectors", {})
    return asked


def test_clips_are_made_kept_and_made_again(tmp_path, processed, capsys):
    videos = tmp_path / "raw"
    for name, size in (("anna/1.mp4", 20), ("anna/2.mp4", 0), ("bert/1.mp4", 30)):
        (videos / name).parent.mkdir(parents=True, exist_ok=True)
        (videos / name).write_bytes(b"x" * size)
    words = ["clips", "--videos", str(videos), "--out", str(tmp_path / "out"), "--audio_features", "mel"]
    words += ["--per_shard", "2"]
    assert run.main(words) == 0
    assert capsys.readouterr().out == (
        f"skipped {videos}/anna/2.mp4: {videos}/anna/2.mp4: no face in any of 25 frames.\n"
        f"{tmp_path / 'out'}: 2 clips of 2 speaker(s), 0.0 minutes\n"
    )
    index = ClipShards(tmp_path / "out").index
    assert [(c.id, c.speaker, c.frames, c.split) for c in index.clips] == [
        ("anna/1", "anna", 20, "train"),
        ("bert/1", "bert", 30, "val"),
    ]
    processed.clear()
    assert run.main(words) == 0
    assert processed == []
    (videos / "bert/1.mp4").write_bytes(b"x" * 31)
    assert run.main(words) == 0
    assert processed == ["1.mp4"]
    assert ClipShards(tmp_path / "out").index.clips[1].frames == 31


def test_another_detector_makes_other_data(tmp_path, processed, monkeypatch):
    (tmp_path / "raw/anna").mkdir(parents=True)
    (tmp_path / "raw/anna/1.mp4").write_bytes(b"x" * 20)
    words = ["clips", "--videos", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--audio_features", "mel"]
    made = []
    for here in (False, True, True):
        monkeypatch.setattr("utils.landmark_detector.mediapipe_is_here", lambda here=here: here)
        assert run.main(words) == 0
        index = ClipShards(tmp_path / "out").index
        made.append((index.landmark_source, index.fingerprint))
    assert processed == ["1.mp4"] * 2
    assert [source for source, _ in made] == ["dlib", "mediapipe", "mediapipe"]
    assert made[0][1] != made[1][1] == made[2][1]


def test_a_video_is_read_as_a_stream_and_its_frames_are_counted(tmp_path, monkeypatch):
    from data_gen.clips.process import process_clip
    from utils.landmark_detector import Face
    from utils.landmarks import MEAN_FACE
    from utils.video import VideoWriter

    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 32_000).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 64, 96, audio=noise) as out:
        for index in range(40):
            out.write(np.full((64, 96, 3), 80 + index, np.uint8))

    class Still(clips_run.LandmarkDetector):
        name, smoothing_frames = "still", 0.0

        def detect(self, frame):
            assert frame.shape == (64, 96, 3)
            points = (MEAN_FACE[:, :2] * [12, -12] + [48, 26] + rng.normal(0, 0.1, (68, 2))).astype(np.float32)
            return [Face(points, (*points.min(0), *points.max(0)))]

    arrays = process_clip(tmp_path / "a.mp4", Still(), ["mel"], max_seconds=1.2)
    assert {name: len(values) for name, values in arrays.items()} == {"landmarks": 30, "mel": 60, "pitch_hz": 60}
    with pytest.raises(DataError, match="10 frames; at least 12"):
        process_clip(tmp_path / "a.mp4", Still(), ["mel"], max_seconds=0.4)


def test_a_worker_that_is_killed_is_said(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(b"x")
    monkeypatch.setattr(clips_run, "_one", _die)
    words = ["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out"), "--workers", "2"]
    with pytest.raises(DataError, match="A worker was killed"):
        run.main([*words, "--detector", "dlib"])


def _die(job):
    os.kill(os.getpid(), signal.SIGKILL)


def test_settings_that_make_no_sense_are_named(tmp_path):
    words = ["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="--per_shard 0: must be at least 1"):
        run.main([*words, "--per_shard", "0"])
    with pytest.raises(ConfigError, match="--audio_features names none"):
        run.main([*words, "--audio_features", ","])
    assert not list(tmp_path.iterdir())


def test_an_unknown_feature_is_named(tmp_path):
    with pytest.raises(DataError, match="No speech feature is called 'mell'"):
        run.main(["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out"), "--audio_features", "mell"])
