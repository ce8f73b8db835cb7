from __future__ import annotations

import numpy as np
import pytest

from data_gen.video.framing.bars import Region
from data_gen.video.framing.square import FaceBox, NoFaceError, find_face_box
from tests.data_gen.video.scripted import Scripted, face_at, frames
from utils.errors import DataError


def square(x: float, y: float, size: float, height: int, width: int, margin: float = 2.5) -> FaceBox:
    return find_face_box([(0.0, next(frames(1, height, width)))], Scripted([[face_at(x, y, size)]]), margin=margin)


def test_the_square_holds_the_face_and_stays_in_the_picture():
    script = [[face_at(150 + i, 90, 20)] for i in range(5)]
    box = find_face_box(((i / 2, f) for i, f in enumerate(frames(5))), Scripted(script))
    assert box.size <= 200
    assert box.size % 2 == 0
    assert box.x0 >= 0
    assert box.x0 + box.size <= 300
    assert box.y0 >= 0
    assert box.y0 + box.size <= 200
    assert abs(box.x0 + box.size / 2 - 152) < 5
    corner = square(20, 10, 10, 200, 300, 2.2)
    assert (corner.x0, corner.y0) == (0, 0)


def test_a_square_of_nearly_the_right_size_is_not_scaled():
    whole = Region(0, 0, 512, 512)
    assert FaceBox(0, 2, 510, whole).crop(1.0, (512, 512), 512) == (0, 0, 512, 512)
    assert FaceBox(100, 10, 250, Region(0, 0, 1280, 720)).crop(1.0, (720, 1280), 256) == (97, 7, 353, 263)


def test_other_squares_are_kept_inside_the_picture_and_its_bars():
    whole = Region(0, 0, 360, 288)
    assert FaceBox(40, 12, 200, whole).crop(1.0, (288, 360), 512) == (40, 12, 240, 212)
    assert FaceBox(300, -20, 240, whole).crop(1.0, (288, 360), 512) == (120, 0, 360, 240)
    assert FaceBox(40, 12, 200, whole).crop(3.0, (864, 1080), 128) == (120, 36, 720, 636)
    barred = Region(20, 30, 120, 130)
    assert FaceBox(10, 20, 90, barred).crop(1.0, (200, 140), 64) == (20, 30, 110, 120)
    assert FaceBox(20, 30, 100, barred).crop(1.5, (300, 210), 64) == (30, 45, 180, 195)


def test_an_upright_picture_that_the_head_fills_keeps_crown_and_chin():
    """The face is 60 % as wide as the picture; its crown is 0.8 face heights above the brows."""
    high = square(100, 200, 50, 400, 200)  # room above: the square moves up
    face = face_at(100, 200, 50).box
    height = face[3] - face[1]
    assert high.size == 218  # 0.8 + 1 + 0.15 face heights, wider than the picture
    assert high.y0 == int(face[1] - 0.8 * height)
    assert high.y0 + high.size >= face[3] + 0.1 * height
    assert high.x0 < 0
    left, top, right, bottom = high.crop(1.0, (400, 200), 128)
    assert (right - left, bottom - top) == (218, 218)
    assert left < 0
    assert right > 200
    near = square(100, 70, 50, 400, 200)  # the film itself cuts the crown off
    assert near.y0 == 0
    assert near.size == 200
    small = square(100, 200, 30, 400, 200)  # an ordinary upright video
    assert small.x0 >= 0
    assert small.size <= 200


def test_a_face_is_needed_in_most_of_the_pictures():
    with pytest.raises(NoFaceError, match=r"may.mp4: no face in any of 2 frames looked at.*at least 60 pixels wide"):
        find_face_box(((float(i), f) for i, f in enumerate(frames(2))), Scripted([[], []]), video="may.mp4")
    with pytest.raises(NoFaceError, match="in any of 2 frames"):
        find_face_box(((float(i), f) for i, f in enumerate(frames(5))), Scripted([[]] * 5), patience=2)
    card = [[]] * 3 + [[face_at(100, 100)]] * 5 + [[]] * 2
    assert find_face_box(((float(i), f) for i, f in enumerate(frames(10))), Scripted(card)).size > 0
    script = [[face_at(100, 100)]] * 2 + [[]] * 5 + [[face_at(100, 100)]] * 3 + [[]] * 2
    with pytest.raises(DataError) as error:
        find_face_box(((float(i), f) for i, f in enumerate(frames(12))), Scripted(script), video="may.mp4")
    assert str(error.value) == (
        "may.mp4: no face in 7 of 12 frames looked at. It is seen from 0.0 to 2.0 s and from 7.0 to 10.0 s: add "
        "--start_s 7 --duration_s 3 to use that part alone."
    )


def test_bars_are_outside_of_the_square():
    picture = np.full((400, 200, 3), 0, np.uint8)
    picture[100:300] = 120
    picture[0, 0, 0] = 0
    box = find_face_box([(0.0, picture)], Scripted([[face_at(100, 180, 30)]]), margin=2.5)
    assert box.content == (0, 100, 200, 300)
    assert box.y0 >= 100
    assert box.y0 + box.size <= 300
