"""The video command answers quickly and in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from data_gen.video.job import VideoJob
from data_gen.video.run import keep_permissions
from tests.made import make_video_dataset
from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[3]


def test_the_command_answers_quickly_and_exits_with_2_on_a_slip(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "data_gen" / "run.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=HANG_S)

    assert "video" in run("--help").stdout
    assert "--parsing" in run("video", "--help").stdout
    wrong = run("vidoe")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    missing = run("video", "--id", "May", "--video", "may.mp4")
    assert (missing.returncode, missing.stderr) == (2, "error: may.mp4 does not exist.\n")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "taken").write_text("a file")
    taken = run("video", "--id", "May", "--video", "a.mp4", "--data_dir", "taken")
    assert (taken.returncode, taken.stderr.count("\n"), taken.stderr[:7]) == (2, 1, "error: ")


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
