"""Speech on disk is read in windows, and what is missing is said with the command that makes it."""

from __future__ import annotations

import numpy as np
import pytest

from data_gen.speech.dataset import SpeechDataset
from data_gen.speech.writer import HeardPiece, SpeechWriter
from utils.errors import DataError


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    writer = SpeechWriter(tmp_path / "speech", "mel")
    pieces = [
        HeardPiece(name, 1.0, split, rng.uniform(-1, 1, 320 * rows).astype(np.float32), rng.normal(size=(rows, 4)))
        for name, split, rows in (("a", "train", 60), ("b", "train", 90), ("c", "val", 60))
    ]
    writer.write(0, pieces, recipe="r", skipped={"d": "why"})
    return writer.finish(1), pieces


def test_a_window_is_the_sound_and_the_rows_of_one_stretch(data):
    dataset, pieces = data
    window = dataset.window(dataset.index.pieces[1], 30, 20)
    np.testing.assert_allclose(window.wav, pieces[1].wav[320 * 30 : 320 * 50], atol=1e-4)
    np.testing.assert_allclose(window.rows, pieces[1].rows[30:50], atol=2e-3)
    assert window.wav.dtype == window.rows.dtype == np.float32


def test_pieces_are_chosen_by_split_and_length(data):
    dataset, _ = data
    assert [p.sound for p in dataset.pieces("train", 50)] == ["a", "b"]
    assert [p.sound for p in dataset.pieces("train", 70)] == ["b"]
    with pytest.raises(DataError, match=r"no val sound of 2\.0 s"):
        dataset.pieces("val", 100)


def test_no_speech_is_said_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"data_gen/run.py speech --out .*nowhere"):
        SpeechDataset(tmp_path / "nowhere")
