from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.video import convert
from data_gen.video.convert import check_room, fill_beside, read_sound
from utils.errors import DataError
from utils.media.wav import write_wav


def test_what_lies_beside_an_upright_picture_is_still():
    """A head that touches the edge now and then leaves no streak."""
    rng = np.random.default_rng(0)
    frames = np.zeros((20, 32, 32, 3), np.uint8)
    frames[:, :, 8:24] = rng.integers(0, 3, (20, 32, 16, 3)) + np.array([60, 90, 120])
    frames[5:9, 10:20, 20:24] = 250
    before = frames.copy()
    fill_beside(frames, 8, 24)
    np.testing.assert_array_equal(frames[:, :, 8:24], before[:, :, 8:24])
    for beside in (frames[:, :, :8], frames[:, :, 24:]):
        assert np.abs(beside.astype(int) - (61, 91, 121)).max() <= 2
        assert np.ptp(beside.astype(int), axis=0).max() == 0
    fill_beside(before, 0, 32)
    assert before[0, 0, 0].tolist() == [0, 0, 0]


def test_the_sound_of_a_part_starts_with_its_first_frame(tmp_path):
    click = np.zeros(48_000, np.float32)
    click[640 * 30] = 0.9
    write_wav(tmp_path / "a.wav", click)
    for start_s in (1.0, 1.015, 0.985):  # all of them are nearest to frame 25
        assert np.argmax(read_sound(tmp_path / "a.wav", start_s, None)) == 640 * 5
    with pytest.raises(DataError, match=r"the sound ends at 3\.0 s, before --start_s 5"):
        read_sound(tmp_path / "a.wav", 5.0, None)


def test_a_disk_too_small_is_told_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(convert.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    check_room(tmp_path, 1000, 256)
    with pytest.raises(DataError, match=r"2\.4 GB are needed .* 1\.0 GB are free"):
        check_room(tmp_path, 1000, 512)
