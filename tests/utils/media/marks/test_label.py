"""The label is as large as is asked for, legible, and where it should be."""

import numpy as np
import pytest

from utils.media.marks.label import _STROKES, SHARE, TEXTS, draw_label, strip


@pytest.mark.parametrize("label", TEXTS)
@pytest.mark.parametrize("size", [(256, 256), (512, 512), (1080, 1920), (1920, 1080)])
def test_letters_are_a_twentieth_of_the_shorter_side_and_more(label, size):
    letters = strip(label, *size)
    rows = np.flatnonzero((letters > 128).any(axis=1))
    assert np.ptp(rows) + 1 >= 0.05 * min(size) * 0.9  # a stroke need not fill its square
    assert SHARE > 0.05
    assert letters.shape[1] <= size[1]


def test_it_lies_in_the_lower_left_corner_and_nowhere_else():
    picture = np.full((200, 300, 3), 90, np.uint8)
    labelled = draw_label(picture, "zh")
    high, wide = strip("zh", 200, 300).shape
    changed = (labelled != picture).any(axis=2)
    assert changed[-high:, :wide].mean() > 0.95  # a soft rim may have the grey that was there
    assert not changed[:-high].any()
    assert not changed[:, wide:].any()
    assert labelled[-high:, :wide].max() > 240
    assert (picture == 90).all()


def test_it_fits_into_the_smallest_picture():
    assert draw_label(np.zeros((16, 10, 3), np.uint8), "both").shape == (16, 10, 3)


def test_every_character_of_the_texts_can_be_drawn():
    chinese = {letter for text in TEXTS.values() for letter in text if ord(letter) > 0x2000}
    assert chinese == set(_STROKES)
    for strokes in _STROKES.values():
        points = [float(number) for stroke in strokes for point in stroke.split() for number in point.split(",")]
        assert min(points) >= 0
        assert max(points) <= 100
