"""Frames and a sound become a stream that plays: together, and ended from either side."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest

from tasks.person.mp4_stream import Mp4Stream, watched
from tests.made import write_tone
from tests.patience import HANG_S
from utils.errors import DataError
from utils.media.video import read_frames
from utils.media.wav import read_wav


def test_sound_and_picture_stay_together(tmp_path):
    """Frame 20 turns white when a click is heard."""
    wav = np.zeros(16000 * 2)
    wav[12800:13100] = 0.9
    write_tone(tmp_path / "click.wav", wav)
    frames = (np.full((31, 47, 3), 255 if n >= 20 else 0, np.uint8) for n in range(50))
    with Mp4Stream(frames, (31, 47), tmp_path / "click.wav", 50) as stream:
        (tmp_path / "click.mp4").write_bytes(b"".join(stream))
    seen = [frame.mean() for frame in read_frames(tmp_path / "click.mp4")]
    assert len(seen) == 50
    assert int(np.argmax(np.array(seen) > 128)) == 20
    heard = np.abs(read_wav(tmp_path / "click.mp4"))
    assert np.argmax(heard > 0.3) / 16000 == pytest.approx(0.8, abs=0.04)


def test_what_breaks_while_drawing_is_raised_and_a_broken_sound_named(tmp_path):
    def frames():
        yield np.zeros((32, 32, 3), np.uint8)
        raise DataError("no more")

    sound = write_tone(tmp_path / "a.wav", np.zeros(16000))
    with pytest.raises(DataError, match="no more"), Mp4Stream(frames(), (32, 32), sound, 50) as stream:
        list(stream)
    (tmp_path / "b.wav").write_text("no sound")
    still = (np.zeros((32, 32, 3), np.uint8) for _ in range(50))
    with pytest.raises(DataError, match="not be encoded"), Mp4Stream(still, (32, 32), tmp_path / "b.wav", 50) as stream:
        list(stream)


def test_a_reader_that_leaves_ends_the_source(tmp_path):
    closed = threading.Event()

    def frames():
        try:
            for _ in itertools.count():
                yield np.zeros((32, 32, 3), np.uint8)
        finally:
            closed.set()

    sound = write_tone(tmp_path / "a.wav", np.zeros(16000))
    with Mp4Stream(frames(), (32, 32), sound, 100_000) as stream:
        assert next(iter(stream))
    assert closed.is_set()


def test_a_film_grows_while_its_frames_are_handed_on(tmp_path):
    live, sound = tmp_path / "live.mp4", write_tone(tmp_path / "a.wav", np.zeros(32000))
    live.write_bytes(b"of the last time")
    frames = watched((np.full((32, 32, 3), 4 * n, np.uint8) for n in range(50)), live, sound, 50)
    handed = list(itertools.islice(frames, 30))
    began = time.monotonic()
    while live.stat().st_size < 1000:
        assert time.monotonic() - began < HANG_S
    handed += frames
    assert [int(frame[0, 0, 0]) for frame in handed] == [4 * n for n in range(50)]
    assert len(list(read_frames(live))) == 50


def test_frames_go_on_without_a_film_to_watch_and_what_breaks_is_raised(tmp_path):
    sound = write_tone(tmp_path / "a.wav", np.zeros(32000))
    frames = [np.zeros((32, 32, 3), np.uint8)] * 50
    assert len(list(watched(frames, tmp_path / "none" / "live.mp4", sound, 50))) == 50

    def broken():
        yield frames[0]
        raise DataError("no more")

    with pytest.raises(DataError, match="no more"):
        list(watched(broken(), tmp_path / "live.mp4", sound, 50))
    assert not [thread for thread in threading.enumerate() if thread.name == "live film"]
    assert list(watched([], tmp_path / "live.mp4", sound, 50)) == []
