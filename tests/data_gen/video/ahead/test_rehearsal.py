"""A rehearsal tells what would be done, and leaves everything as it was."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import pytest

import data_gen.run
from data_gen.video.ahead.rehearsal import frames_of, rehearse
from data_gen.video.job import VideoJob
from tests.patience import HANG_S
from utils import assets
from utils.errors import DataError
from utils.media.ffmpeg import executable, measured_s
from utils.media.video import VideoWriter, probe


@pytest.fixture
def job(tmp_path, monkeypatch) -> VideoJob:
    """Have four seconds of video at 10 frames a second, and no outside weights."""
    monkeypatch.setattr(assets, "roots", lambda: [tmp_path / "no_assets"])
    monkeypatch.setattr(assets, "cache_folder", lambda: tmp_path / "no_cache")
    with VideoWriter(tmp_path / "a.mp4", 64, 64, fps=10) as writer:
        for _ in range(40):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    return VideoJob("a", tmp_path / "a.mp4", size=64, data_dir=tmp_path / "new" / "data")


def test_frames_are_those_of_the_part_that_is_used(job):
    assert frames_of(job) == 100
    assert frames_of(replace(job, start_s=1.0)) == 75
    assert frames_of(replace(job, start_s=1.0, duration_s=2.0)) == 50
    assert frames_of(replace(job, start_s=1.0, duration_s=9.0)) == 75
    with pytest.raises(DataError, match=r"ends at 4\.0 s, before --start_s 5"):
        frames_of(replace(job, start_s=5.0))
    with pytest.raises(DataError, match=r"too short to hold out and to learn from 6\.5 s"):
        frames_of(replace(job, val_seconds=6.0))


def test_a_recording_that_does_not_say_how_long_it_is_is_measured(job, tmp_path):
    file = tmp_path / "recorded.mkv"
    with file.open("wb") as out:  # through a pipe, so that its header cannot be finished
        words = ["-v", "error", "-i", str(job.video), "-c", "copy", "-f", "matroska", "pipe:1"]
        subprocess.run([executable(), *words], stdout=out, check=True, timeout=HANG_S)
    assert probe(file).duration_s == 0
    assert frames_of(replace(job, video=file)) == pytest.approx(100, abs=6)  # the last packets may not say their length
    assert measured_s(file) == pytest.approx(4.0, abs=0.25)


def test_the_command_tells_all_and_writes_nothing(job, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    words = ["video", "--id=a", f"--video={job.video}", "--size=64", f"--data_dir={job.data_dir}", "--dry_run"]
    assert data_gen.run.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{job.video}: 0.1 minutes, 100 frames of 64 x 64"
    assert lines[1] == (
        "stages to do: probe, convert, cuts, landmarks, sync, camera, parsing, plate, audio, dataset, report"
    )
    assert lines[2].startswith("to be written: about 0.002 GB")
    assert lines[3].startswith(f"free at {tmp_path}: ")
    assert len(lines) == 4  # offline nothing would be fetched
    assert sorted(tmp_path.rglob("*")) == before


def test_online_it_says_what_would_be_fetched(job, monkeypatch):
    monkeypatch.delenv("VIZEME_OFFLINE")
    monkeypatch.setattr(assets, "download", lambda name: pytest.fail("downloaded"))
    said = rehearse(job, ["whisper_base_encoder"])
    assert said.splitlines()[-1] == "to be fetched first: whisper_base_encoder (291 MB, MIT)"
