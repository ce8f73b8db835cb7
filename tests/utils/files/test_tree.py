"""Folders behind links are looked into, once, and never in a circle."""

from __future__ import annotations

import os
from pathlib import Path

from utils.files.tree import files_under


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_a_folder_behind_a_link_is_taken(tmp_path):
    own, other = touch(tmp_path / "faces/anna/1.jpg"), touch(tmp_path / "elsewhere/bert/2.jpg")
    (tmp_path / "faces/bert").symlink_to(other.parent)
    assert files_under(tmp_path / "faces") == [own, tmp_path / "faces/bert/2.jpg"]


def test_no_folder_is_taken_twice_and_what_is_passed_over_is_named(tmp_path, caplog):
    file = touch(tmp_path / "faces/zoe/1.jpg")
    (tmp_path / "faces/again").symlink_to("zoe")  # before it in the alphabet; the folder itself keeps its name
    (tmp_path / "faces/zoe/up").symlink_to(tmp_path / "faces")
    (tmp_path / "faces/nowhere").symlink_to(tmp_path / "gone")
    assert files_under(tmp_path / "faces") == [file]
    assert caplog.text.count("passed over") == 2
    assert "faces/again is the folder" in caplog.text


def test_pipes_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert files_under(tmp_path) == []
