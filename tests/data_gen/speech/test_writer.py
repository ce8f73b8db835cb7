"""Shards of speech are kept, summed up, and hold numbers only."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.speech.writer import HeardPiece, SpeechWriter
from utils.errors import DataError


def piece(name: str, value: float, rows: int = 50, split: str = "train") -> HeardPiece:
    return HeardPiece(name, 1.0, split, np.zeros(320 * rows, np.float32), np.full((rows, 3), value, np.float32))


def test_mean_and_spread_are_of_all_training_rows_in_all_shards(tmp_path):
    writer = SpeechWriter(tmp_path, "mel")
    writer.write(0, [piece("a", 1.0)], recipe="0", skipped={})
    writer.write(1, [piece("b", 4.0, 100), piece("v", 50.0, split="val")], recipe="1", skipped={})
    index = writer.finish(2).index
    assert index.mean == pytest.approx([3.0] * 3)
    assert index.std == pytest.approx([2**0.5] * 3)
    assert writer.has(1, "1")
    assert not writer.has(1, "2")


def test_rows_that_are_no_numbers_are_refused_with_their_sound(tmp_path):
    for value in (np.nan, 1e6):
        with pytest.raises(DataError, match=r"bad\.wav: what mel hears in it are no numbers"):
            SpeechWriter(tmp_path, "mel").write(0, [piece("bad.wav", value)], recipe="", skipped={})


def test_nothing_to_train_on_is_said_with_the_reasons(tmp_path):
    writer = SpeechWriter(tmp_path, "mel")
    writer.write(0, [piece("v", 1.0, split="val")], recipe="", skipped={"x.wav": "too short"})
    with pytest.raises(DataError, match=r"x\.wav: too short"):
        writer.finish(1)
