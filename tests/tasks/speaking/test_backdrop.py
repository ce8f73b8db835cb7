"""What is behind the person."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tasks.speaking.backdrop import behind_the_torso, read_background
from utils.errors import ConfigError, DataError
from utils.media.pictures import cover


def test_colours_pictures_and_nothing(tmp_path):
    assert read_background("") is None
    assert read_background("White").tolist() == [[[255, 255, 255]]]
    assert read_background("#0a10ff").tolist() == [[[10, 16, 255]]]
    Image.new("RGB", (5, 3), (9, 8, 7)).save(tmp_path / "wall.png")
    picture = read_background(str(tmp_path / "wall.png"))
    assert picture.shape == (3, 5, 3)
    assert picture[0, 0].tolist() == [9, 8, 7]
    with pytest.raises(ConfigError, match=r"infer_bg_img_fname = #12: no such picture\. Give a file, white, black"):
        read_background("#12")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match=r"infer_bg_img_fname: .*text\.png is not a picture"):
        read_background(str(tmp_path / "text.png"))


@pytest.mark.parametrize("size", [(4, 4), (7, 3), (3, 9), (40, 60)])
def test_a_picture_covers_any_size_undistorted(size):
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :, 0] = np.linspace(0, 255, 30)
    picture[:, :, 1] = np.linspace(0, 255, 20)[:, None]
    shown = cover(picture, *size)
    assert shown.shape == (*size, 3)
    middle = shown[size[0] // 2 - 1 : size[0] // 2 + 1, size[1] // 2 - 1 : size[1] // 2 + 1].mean(axis=(0, 1))
    assert np.abs(middle[:2] - 127).max() < 45
    assert cover(np.full((1, 1, 3), 7, np.uint8), *size).min() == 7


def test_torso_and_painted_neck_stay_and_the_wall_goes():
    plate = np.full((1, 20, 30, 3), 200, np.uint8)
    frame, mask = plate.copy(), np.zeros((1, 20, 30), np.uint8)
    frame[0, 12:, 5:25] = 60
    mask[0, 12:, 5:25] = 255
    frame[0, 8:12, 12:18] = 120  # the neck, in no mask
    plate[0, 12:, 5:10] = 60  # a shoulder that always hid the wall
    video = SimpleNamespace(torso_frames=frame, torso_mask=mask, background=plate[0])
    shown = behind_the_torso(video, 0, np.zeros((20, 30, 3), np.uint8))
    assert (shown[14:, 6:24] == 60).all()
    assert shown[10, 15, 0] > 100
    assert shown[2, 2].max() == 0
