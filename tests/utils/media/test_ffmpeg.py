"""A stream that stalls is ended."""

from __future__ import annotations

import signal

import pytest

from utils.errors import AssetError
from utils.media.ffmpeg import Stream, executable, why_silent


@pytest.fixture
def anew():
    """Look for ffmpeg once more, and again afterwards."""
    executable.cache_clear()
    yield
    executable.cache_clear()


def test_a_program_that_is_none_is_told(tmp_path, monkeypatch, anew):
    (tmp_path / "text").write_text("no program")
    for name in ("/nonexistent", str(tmp_path), str(tmp_path / "text")):
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", name)
        with pytest.raises(AssetError) as error:
            executable()
        assert str(error.value).startswith(f"{name} (named by IMAGEIO_FFMPEG_EXE) is no program that can be run")


def test_a_stalled_stream_is_killed():
    with Stream(["-re", "-f", "lavfi", "-i", "color=r=0.01", "-f", "rawvideo", "pipe:1"], stall_s=0.5) as stream:
        buffer = bytearray(1 << 24)
        assert stream.read_into(memoryview(buffer)) < len(buffer)
        assert stream.finish() != 0
        assert "no sign" in stream.last_message()


def test_what_the_system_ended_says_so():
    assert why_silent(1) == "ffmpeg gave no reason"
    assert why_silent(-signal.SIGXFSZ) == "a file may not grow so large here: look at `ulimit -f`"
    assert why_silent(-signal.SIGABRT) == "ffmpeg was ended by the system (Aborted)"
