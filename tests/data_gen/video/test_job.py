from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.video.job import VideoJob
from data_gen.video.pipeline import process_video
from utils.errors import DataError


def test_more_features_are_asked_for_by_name(tmp_path):
    job = VideoJob("anna", Path("a.mp4"), audio_features="whisper:3-6, mel")
    assert job.more_features == ["whisper:3-6", "mel"]
    (tmp_path / "a.mp4").write_bytes(b"video")
    wrong = VideoJob("anna", tmp_path / "a.mp4", parsing="grabcut", audio_features="wisper", data_dir=tmp_path)
    with pytest.raises(DataError, match="No speech feature is called 'wisper'"):
        process_video(wrong)
    assert not (tmp_path / "processed").exists()
