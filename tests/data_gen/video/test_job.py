from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.video.job import VideoJob, check_job
from data_gen.video.pipeline import process_video
from utils.errors import ConfigError, DataError


def test_more_features_are_asked_for_by_name(tmp_path):
    job = VideoJob("anna", Path("a.mp4"), audio_features="whisper:3-6, mel")
    assert job.more_features == ["whisper:3-6", "mel"]
    (tmp_path / "a.mp4").write_bytes(b"video")
    wrong = VideoJob("anna", tmp_path / "a.mp4", parsing="grabcut", audio_features="wisper", data_dir=tmp_path)
    with pytest.raises(DataError, match="No speech feature is called 'wisper'"):
        process_video(wrong)
    assert not (tmp_path / "processed").exists()


def test_all_slips_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        check_job(VideoJob("a b", Path("x"), size=100, parsing="bisnet", redo=("plates",)))
    text = str(error.value)
    assert text.startswith("4 setting(s) to mend")
    assert "did you mean 'bisenet'" in text
    assert "did you mean 'plate'" in text


@pytest.mark.parametrize(
    "slip",
    [
        {"id": "-anna"}, {"start_s": float("nan")}, {"start_s": -1.0}, {"duration_s": float("inf")},
        {"val_seconds": 0.1}, {"val_seconds": 1e308}, {"train_seconds": float("nan")}, {"audio_track": 0},
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_named(slip):
    (name,) = slip
    with pytest.raises(ConfigError, match=rf"1 setting\(s\) to mend\n  --{name} "):
        check_job(VideoJob(**({"id": "anna", "video": Path("x")} | slip)))
