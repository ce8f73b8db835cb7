"""The pattern is faint, the same everywhere, and says what it was told to."""

import hashlib

import numpy as np
import pytest

from utils.media.marks.pattern import KINDS, TILE, WAVES, Stamp, Word, pattern, tile

WORD = Word("film", "c0ffee")


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_word_is_packed_into_32_bits_and_back(kind):
    word = Word(kind, "0a1b2c")
    assert 0 <= word.pack() < 2**32
    assert Word.unpack(word.pack()) == word


def test_bits_that_no_version_wrote_are_no_word():
    assert Word.unpack(0) is None
    assert Word.unpack(WORD.pack() ^ 1 << 30) is None
    assert Word.unpack(1 << 29 | 31 << 24) is None


def test_every_machine_makes_the_same_tile():
    """The digest was taken when the pattern was made; another one would not be found in earlier films."""
    assert hashlib.sha256(WAVES.astype("<i8").tobytes()).hexdigest()[:16] == "12a5f91c743e91f0"
    coarse = np.round(tile(WORD)[::16, ::16] * 4).astype(np.int8)
    assert hashlib.sha256(coarse.tobytes()).hexdigest()[:16] == "d317cb6c298335ca"


@pytest.mark.parametrize(("size", "least"), [(256, 42.3), (512, 43.7), (1080, 43.7)])
def test_the_picture_stays_what_it_was(size, least):
    added = pattern(WORD, size, size)
    assert 20 * np.log10(255 / added.astype(float).std()) > least
    assert abs(float(added.astype(float).mean())) < 0.1
    assert np.abs(added.astype(int)).max() <= 9


def test_it_repeats_like_tiles_which_grow_with_large_pictures():
    added = pattern(WORD, 256, 300)
    np.testing.assert_array_equal(added[:TILE, :TILE], added[TILE:, :TILE])
    large = pattern(WORD, 1024, 1024)
    inside = slice(8, 2 * TILE - 8), slice(8, 2 * TILE - 8)
    np.testing.assert_array_equal(large[: 2 * TILE, : 2 * TILE][inside], large[2 * TILE :, 2 * TILE :][inside])


def test_black_and_white_stay_in_range_and_only_the_part_asked_for_changes():
    where = np.zeros((128, 128), bool)
    where[40:80, 20:60] = True
    stamp = Stamp(WORD, 128, 128)
    for level in (0, 128, 255):
        plain = np.full((128, 128, 3), level, np.uint8)
        marked = stamp.on(plain, where)
        assert np.abs(marked.astype(int) - level).max() <= 9
        np.testing.assert_array_equal(marked[~where], plain[~where])
        assert (marked[where] != plain[where]).any()
        assert (plain == level).all(), "the picture that was given stays"
