"""A stream that stalls is ended."""

from __future__ import annotations

from utils.media.ffmpeg import Stream


def test_a_stalled_stream_is_killed():
    with Stream(["-re", "-f", "lavfi", "-i", "color=r=0.01", "-f", "rawvideo", "pipe:1"], stall_s=0.5) as stream:
        buffer = bytearray(1 << 24)
        assert stream.read_into(memoryview(buffer)) < len(buffer)
        assert stream.finish() != 0
        assert "no sign" in stream.last_message()
