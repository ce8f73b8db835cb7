"""Pictures are read, resized and written in one way."""

from __future__ import annotations

import numpy as np

from utils.media.pictures import find_pictures, resized, write_picture


def test_resizing_gives_the_size_asked_for():
    picture = np.random.default_rng(0).integers(0, 255, (112, 112, 3), np.uint8)
    assert resized(picture, 112) is picture
    assert resized(picture, 128).shape == (128, 128, 3)


def test_pictures_behind_a_link_are_found_under_the_name_of_the_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "faces").mkdir()
    write_picture(tmp_path / "elsewhere/1.png", np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "faces/anna").symlink_to(tmp_path / "elsewhere")
    assert find_pictures(tmp_path / "faces") == [tmp_path / "faces/anna/1.png"]
