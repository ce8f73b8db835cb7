"""What killed processes left in the temporary folder goes, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from utils.files.scratch import MARKER, scratch_folder

ROOT = Path(__file__).resolve().parents[3]
KILLED = (
    "import os, signal, sys\nfrom utils.files.scratch import scratch_folder\n"
    "with scratch_folder() as folder:\n (folder / 'sound.f32').write_text('x')\n os.kill(os.getpid(), signal.SIGKILL)"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_folder_is_there_for_a_while(tmp_path):
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        (folder / "a").write_text("b")
    with pytest.raises(KeyError), scratch_folder():
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(tmp_path):
    with scratch_folder() as living:
        assert subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT).returncode == -9
        left = [path for path in tmp_path.iterdir() if path != living]
        assert [sorted(path.name for path in folder.iterdir()) for folder in left] == [[MARKER, "sound.f32"]]
        with scratch_folder() as mine:
            assert sorted(tmp_path.iterdir()) == sorted([living, mine])


def test_what_is_not_proved_to_be_ours_stays(tmp_path):
    kept = [tmp_path / name for name in ("vizeme-thesis", "vizeme-abcdefgh", "vizeme-Abcdefgh", "vizeme-12345678")]
    for folder in kept[:3]:
        folder.mkdir()
        (folder / "photo.jpg").write_text("mine")
    (kept[0] / MARKER).touch()  # of another name
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / MARKER).touch()
    kept[3].symlink_to(tmp_path / "target")
    (tmp_path / "vizeme-00000000").mkdir()  # killed before it wrote anything
    with scratch_folder():
        pass
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "target"])
    assert [(folder / "photo.jpg").read_text() for folder in kept[:3]] == ["mine"] * 3
    assert (tmp_path / "target" / MARKER).exists()
