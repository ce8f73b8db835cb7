"""The video command answers slips in one line and keeps what was allowed."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from data_gen.run import DOOR
from data_gen.video.job import VideoJob
from data_gen.video.run import keep_permissions
from tests.made import make_video_dataset
from utils.command import run_command


def test_the_command_answers_in_one_line_and_exits_with_2_on_a_slip(tmp_path, monkeypatch, capsys):
    """That it does so before anything heavy is imported: tests/test_house.py."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            run_command(functools.partial(DOOR.main, words))
        return int(left.value.code or 0), *capsys.readouterr()

    assert "video" in run("--help")[1]
    assert "--parsing" in run("video", "--help")[1]
    code, _, error = run("vidoe")
    assert (code, error.count("\n")) == (2, 1)
    assert run("video", "--id", "May", "--video", "may.mp4") == (2, "", "error: may.mp4 does not exist.\n")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "taken").write_text("a file")
    code, _, error = run("video", "--id", "May", "--video", "a.mp4", "--data_dir", "taken")
    assert (code, error.count("\n"), error[:7]) == (2, 1, "error: ")


def test_licence_and_consent_given_once_are_kept(tmp_path):
    job = VideoJob(id="anna", video=Path("anna.mp4"), data_dir=tmp_path)
    assert keep_permissions(job) == job
    make_video_dataset(job.binary, frames=30, size=16)
    meta = job.binary / "meta.json"
    content = json.loads(meta.read_text()) | {"licence": "CC BY 4.0", "consent": "anna agreed"}
    meta.write_text(json.dumps(content))
    assert (keep_permissions(job).licence, keep_permissions(job).consent) == ("CC BY 4.0", "anna agreed")
    changed = keep_permissions(VideoJob(id="anna", video=Path("anna.mp4"), data_dir=tmp_path, licence="mine"))
    assert (changed.licence, changed.consent) == ("mine", "anna agreed")
    meta.write_text("{")
    assert keep_permissions(job) == job
