"""A copy that was broken off is told from what is no video."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from utils.errors import DataError
from utils.media.ffmpeg import input_arguments, run
from utils.media.unfinished import is_unfinished
from utils.media.video import VideoWriter, probe


@pytest.fixture
def recording(tmp_path):
    """Write an mp4 as cameras do: the table of the pictures at its end."""
    with VideoWriter(tmp_path / "whole.mp4", 48, 64) as writer:
        for grey in range(25):
            writer.write(np.random.default_rng(grey).integers(0, 255, (48, 64, 3), np.uint8))
    run(["-y", *input_arguments(tmp_path / "whole.mp4"), "-c", "copy", str(tmp_path / "camera.mp4")], 30, "copying")
    return tmp_path / "camera.mp4"


def test_a_recording_that_was_not_ended_is_called_so_in_one_line(recording, tmp_path):
    assert not is_unfinished(recording)
    part = tmp_path / "part.mp4"
    part.write_bytes(recording.read_bytes()[: recording.stat().st_size // 2])
    with pytest.raises(DataError, match=r"part\.mp4 is incomplete: the recording or copying was not ended") as error:
        probe(part)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, this is no video", b"\x1aE\xdf\xa3" + bytes(40), struct.pack(">I4s", 2, b"text") * 9],
    ids=["empty", "text", "matroska", "no box"],
)
def test_other_files_are_not_called_broken_off(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert not is_unfinished(tmp_path / "a")


def test_sizes_that_lead_nowhere_end(tmp_path):
    endless = struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 0, b"mdat") + bytes(100)
    (tmp_path / "a").write_bytes(endless)
    assert is_unfinished(tmp_path / "a")
    (tmp_path / "b").write_bytes(struct.pack(">I4sQ", 1, b"ftyp", 2**63) + bytes(100))
    assert is_unfinished(tmp_path / "b")
