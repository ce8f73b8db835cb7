"""What is sent is read again, also through noise; what cannot be read is not guessed."""

import numpy as np
import pytest

from utils.media.marks.code import BITS, CODE, checksum, decode, encode


def test_the_checksum_is_that_of_the_standard():
    bits = [byte >> place & 1 for byte in b"123456789" for place in range(7, -1, -1)]
    assert checksum(bits) == 0x29B1


@pytest.mark.parametrize("word", [0, 1, 0xC0FFEE42, 2**BITS - 1])
def test_a_word_goes_there_and_back(word):
    sent = encode(word)
    assert sent.shape == (CODE,)
    read, again = decode(sent.astype(np.float32) * 2 - 1)
    assert read == word
    np.testing.assert_array_equal(again, sent)


def test_noise_as_strong_as_what_was_sent_is_mended():
    rng = np.random.default_rng(0)
    sent = encode(0xC0FFEE42).astype(np.float32) * 2 - 1
    soft = sent + rng.normal(size=CODE).astype(np.float32)
    assert (np.sign(soft) != sent).sum() > 10
    assert decode(soft)[0] == 0xC0FFEE42


def test_noise_alone_says_nothing():
    rng = np.random.default_rng(1)
    assert [decode(rng.normal(size=CODE).astype(np.float32))[0] for _ in range(20)] == [None] * 20
