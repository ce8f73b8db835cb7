"""The clips command lists what it refuses, keeps what it made, and makes again what changed."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen import run
from data_gen.clips import run as clips_run
from data_gen.clips.shards import ClipShards
from utils.errors import DataError


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


def test_an_unknown_feature_is_named(tmp_path):
    with pytest.raises(DataError, match="No speech feature is called 'mell'"):
        run.main(["clips", "--videos", str(tmp_path), "--out", str(tmp_path / "out"), "--audio_features", "mell"])
