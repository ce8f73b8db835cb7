from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from data_gen.video import convert
from data_gen.video.convert import check_room, crop_square, read_sound
from utils.errors import DataError
from utils.media.wav import write_wav


def test_a_square_of_nearly_the_right_size_is_not_scaled():
    assert crop_square((0, 2, 510), 512, 512, 512) == (0, 0, 512, 512)
    assert crop_square((100.4, 10, 250), 720, 1280, 256) == (97, 7, 353, 263)


def test_other_squares_are_kept_inside_the_picture():
    assert crop_square((40, 12, 200), 288, 360, 512) == (40, 12, 240, 212)
    assert crop_square((300, -20, 240), 288, 360, 512) == (120, 0, 360, 240)
    assert crop_square((-270, 0, 900), 288, 360, 512) == (36, 0, 324, 288)


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
